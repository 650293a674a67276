// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
)

// Watched tells whether a controller of the program watches objects of a kind: For, Owns or Watches of a builder, or
// source.Kind. A change of such an object leads to another reconcile.
func (p *Program) Watched(k kube.Kind) bool {
	if p.watched == nil {
		p.watched = p.findWatched()
	}
	for _, w := range p.watched {
		if w.Same(k) {
			return true
		}
	}
	return false
}

func (p *Program) findWatched() []kube.Kind {
	out := []kube.Kind{}
	for _, fn := range p.Funcs {
		if p.InTest(fn) {
			continue
		}
		for site := range Sites(fn) {
			target := Target(site)
			if target == nil || target.Pkg() == nil || !strings.HasPrefix(target.Pkg().Path(), "sigs.k8s.io/controller-runtime/pkg/") {
				continue
			}
			switch target.Name() {
			case "For", "Owns", "Watches", "WatchesRawSource", "Watch", "Kind", "TypedKind":
			default:
				continue
			}
			for _, arg := range site.Common().Args {
				for _, src := range p.Sources(arg).Values {
					if k, ok := kube.KindOf(src.Type()); ok && k.Name != "" {
						out = append(out, k)
					}
				}
			}
		}
	}
	return out
}
