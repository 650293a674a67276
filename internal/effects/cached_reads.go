// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// fromMemory tells whether a read through a client is answered from an informer's store that is filled already: the client
// reads through a cache, and a controller of the program watches the kind. No request leaves. The first read of a kind
// that nobody watches starts an informer and waits for it.
func fromMemory(p *program.Program, site ssa.CallInstruction, row *kube.Call) bool {
	if row.Effect != kube.ReadByProvenance && row.Effect != kube.List || row.WritesInto < 0 {
		return false
	}
	into := program.Argument(site, row.WritesInto)
	if into == nil {
		return false
	}
	t := stripped(into).Type()
	kind, ok := kube.KindOf(t)
	if !ok || kind.Name == "" || !p.Informed(kind) {
		return false
	}
	return p.ReadsCache(program.Receiver(site), t)
}
