// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// cachedKind returns the kind that a call reads through a cache; ok is false where it reads none, or not through a cache.
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
	kind, ok = kube.KindOf(t)
	if !ok || kind.Name == "" {
		return kube.Kind{}, false
	}
	return kind, p.ReadsCache(program.Receiver(site), t)
}
