// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// answers is what was asked about the program before. All of it is found when first asked for.
type answers struct {
	sources map[ssa.Value]Sources
	// methodValues are the answers of boundTo.
	methodValues map[ssa.Value][]bound
	holds        map[ssa.Value][]types.Type // answers of CanHold
	domains      map[*ssa.Function]*DomainSet
	gates        map[*ssa.Function][]gate
	// leads are the entry points by the functions that they lead to.
	leads *leads
	// givers are what calls give as one parameter.
	givers   map[giverKey]giver
	flags    map[string][]string
	watched  []kube.Kind
	informed []kube.Kind
	// generationsOnly are the kinds that controllers are for.
	generationsOnly []filteredKind
	// webhooks are the registrations of webhooks, workloads what the manifests run.
	webhooks  []*Webhook
	workloads []workload
	// values are the functions that are used as values.
	values map[*ssa.Function]bool
	// dead answers what was asked about functions that only tests and the dead call.
	dead map[*ssa.Function]bool
	// boxedIn are the answers of boxers.
	boxedIn map[*types.TypeName][]*ssa.Function
	// bindings are the calls that bind variables to flags.
	bindings    []ssa.CallInstruction
	concurrency *Concurrency
	registered  map[*ssa.Function]ssa.CallInstruction
	reconcilers []*ssa.Store
	managerWide *workers
}

func newAnswers() answers {
	return answers{
		sources:      make(map[ssa.Value]Sources),
		methodValues: make(map[ssa.Value][]bound),
		holds:        make(map[ssa.Value][]types.Type),
		domains:      make(map[*ssa.Function]*DomainSet),
		gates:        make(map[*ssa.Function][]gate),
	}
}

// Fork returns the same program with answers of its own: it can be asked while another goroutine asks p. What both know is
// all that Build finds, and the domains; it does not change any more.
func (p *Program) Fork() *Program {
	p.settleDomains()
	fork := *p
	fork.answers = newAnswers()
	return &fork
}
