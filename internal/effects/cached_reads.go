// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// cachedKind returns the kind that a call reads through a cache, without a name where only the object knows it; ok is
// false where it reads nothing, or through no client that has a cache.
// The first read of a kind starts its informer and waits until that is filled; all others are answered from memory.
func cachedKind(p *program.Program, site ssa.CallInstruction, row *kube.Call) (kind kube.Kind, ok bool) {
	if row.Effect != kube.ReadByProvenance && row.Effect != kube.List || row.WritesInto < 0 {
		return kube.Kind{}, false
	}
	into := program.Argument(site, row.WritesInto)
	if into == nil {
		return kube.Kind{}, false
	}
	t := stripped(into).Type()
	kind, _ = kube.KindOf(t)
	return kind, kind.Form != kube.Unstructured && p.ReadsCache(program.Receiver(site), t)
}
