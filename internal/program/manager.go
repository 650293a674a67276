// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

const (
	managerPkg    = "sigs.k8s.io/controller-runtime/pkg/manager"
	controllerPkg = "sigs.k8s.io/controller-runtime/pkg/controller"
)

// Election says what is known of a manager's leader election.
type Election int

// The states of leader election.
const (
	// ElectionUnknown is set from where the code does not show: a parameter, a file, the environment.
	ElectionUnknown Election = iota
	ElectionOn
	ElectionOff
)

// Manager is a controller-runtime manager that the program makes.
type Manager struct {
	Site     ssa.CallInstruction
	Election Election
	// Because is the reason for Election, in one clause.
	Because string
	// SaysOff is set where the options say in as many words, as they are made, that nobody is elected.
	SaysOff bool
	// Flag is the name of the flag that switches the election, where there is one.
	Flag string
	// Entries run on this manager.
	Entries []*Entry
}

// electedDomain is where something runs that the manager starts once it leads. what says what it is. A nil manager is
// one that the code does not show: controllers are then taken to be elected, as nearly all are.
func (m *Manager) electedDomain(what string) (Domain, string) {
	if m == nil {
		return LeaderOnly, what + ", and its manager is out of sight: leader election is assumed"
	}
	switch m.Election {
	case ElectionOff:
		return EveryReplica, what + ", and " + m.Because
	case ElectionOn:
		return LeaderOnly, what + ", and " + m.Because
	}
	return LeaderOnly, what + ", and " + m.Because + ": leader election is assumed"
}

// findManagers collects the calls that make managers.
func (p *Program) findManagers() {
	p.flags = nil
	for _, fn := range p.Funcs {
		if p.InTest(fn) {
			continue
		}
		for site := range Sites(fn) {
			if m := p.newManager(site); m != nil {
				p.Managers = append(p.Managers, m)
			}
		}
	}
}

// newManager recognises manager.New and its aliases by what they take and give: manager.Options and a manager.Manager.
func (p *Program) newManager(site ssa.CallInstruction) *Manager {
	res := site.Common().Signature().Results()
	if res.Len() != 2 || !IsNamed(res.At(0).Type(), managerPkg, "Manager") || len(p.calls.out[site]) > 0 {
		return nil
	}
	for _, arg := range site.Common().Args {
		if IsNamed(arg.Type(), managerPkg, "Options") {
			m := &Manager{Site: site}
			m.Election, m.Because, m.Flag = p.election(arg)
			m.SaysOff = p.saysOff(arg)
			return m
		}
	}
	return nil
}

// election reads Options.LeaderElection.
func (p *Program) election(options ssa.Value) (Election, string, string) {
	values, whole := p.FieldOf(options, "LeaderElection")
	if len(values) == 0 {
		if !whole {
			return ElectionUnknown, "its options come from elsewhere", ""
		}
		return ElectionOff, "its manager's leader election is not switched on (off is the default)", ""
	}
	var on, off, unknown bool
	var flagName string
	for _, v := range values {
		switch b := p.Bool(v); {
		case b.Flag != "" && !b.Value:
			flagName = b.Flag
			if where := p.manifestSets(b.Flag); where != "" {
				on = true
			} else {
				off = true
			}
		case b.Flag != "":
			flagName, on = b.Flag, true
		case !b.Known:
			unknown = true
		case b.Value:
			on = true
		default:
			off = true
		}
	}
	switch {
	case unknown || on && off:
		return ElectionUnknown, "its manager's leader election is decided at run time", flagName
	case on && flagName != "":
		if where := p.manifestSets(flagName); where != "" {
			return ElectionOn, fmt.Sprintf("its manager's leader election is switched on by --%s in %s", flagName, where), flagName
		}
		return ElectionOn, fmt.Sprintf("its manager's leader election is on by default (--%s)", flagName), flagName
	case on:
		return ElectionOn, "its manager's leader election is on", ""
	case flagName != "":
		return ElectionOff, fmt.Sprintf("its manager's leader election is off by default (--%s)", flagName), flagName
	}
	return ElectionOff, "its manager's leader election is off", ""
}

// saysOff tells whether options of a manager say in as many words, where they are made, that nobody is elected.
func (p *Program) saysOff(options ssa.Value) bool {
	values, _ := p.FieldOf(options, "LeaderElection")
	return len(values) > 0 && !slices.ContainsFunc(values, func(v ssa.Value) bool {
		c, ok := v.(*ssa.Const)
		return !ok || c.Value == nil || constant.BoolVal(c.Value)
	})
}

// managerOf finds the manager that a registration happens on: the receiver of Add, or what the builder was given.
func (p *Program) managerOf(site ssa.CallInstruction) *Manager {
	candidates := site.Common().Args
	if site.Common().IsInvoke() {
		candidates = append([]ssa.Value{site.Common().Value}, candidates...)
	}
	seen := make(map[ssa.Value]bool)
	for len(candidates) > 0 && len(seen) < 60 {
		v := candidates[0]
		candidates = candidates[1:]
		if seen[v] {
			continue
		}
		seen[v] = true
		if IsNamed(v.Type(), managerPkg, "Manager") {
			for _, src := range p.Sources(v).Values {
				if m := p.managerAt(src); m != nil {
					return m
				}
			}
			continue
		}
		// A chain of builder calls: the manager is an argument further up.
		if call, ok := v.(*ssa.Call); ok && len(p.calls.out[call]) == 0 {
			candidates = append(candidates, call.Call.Args...)
		}
	}
	return p.defaultManager(site.Parent())
}

func (p *Program) managerAt(src ssa.Value) *Manager {
	if ex, ok := src.(*ssa.Extract); ok {
		src = ex.Tuple
	}
	for _, m := range p.Managers {
		if call, ok := m.Site.(*ssa.Call); ok && call == src {
			return m
		}
	}
	return nil
}

// defaultManager is the manager that code in fn runs on when its registration is out of sight: the only one of the
// program, or the only one of fn's module. One without leader election is no default: it may be that of a webhook server,
// while the controllers belong to a program in another module.
func (p *Program) defaultManager(fn *ssa.Function) *Manager {
	if m := p.onlyManager(fn); m != nil && m.Election != ElectionOff {
		return m
	}
	return nil
}

func (p *Program) onlyManager(fn *ssa.Function) *Manager {
	if len(p.Managers) == 1 {
		return p.Managers[0]
	}
	var found *Manager
	pkg := p.Package(fn)
	for _, m := range p.Managers {
		if other := p.Package(m.Site.Parent()); pkg == nil || other == nil || other.Module != pkg.Module {
			continue
		}
		if found != nil {
			return nil
		}
		found = m
	}
	return found
}

// controllerDomain is where a controller runs that is built at site.
func (f *finder) controllerDomain(site ssa.CallInstruction, mgr *Manager) (Domain, string) {
	for _, arg := range f.p.builderArgs(site) {
		if !IsNamed(arg.Type(), controllerPkg, "Options") && typeName(arg.Type()) != "TypedOptions" {
			continue
		}
		values, _ := f.p.FieldOf(arg, "NeedLeaderElection")
		for _, v := range values {
			if b := f.p.Bool(v); b.Known && !b.Value {
				return EveryReplica, "is a reconciler with NeedLeaderElection set to false"
			}
		}
	}
	return mgr.electedDomain("is a reconciler")
}

// builderArgs returns the arguments of a call and of the builder calls that its receiver was chained from.
func (p *Program) builderArgs(site ssa.CallInstruction) []ssa.Value {
	var out []ssa.Value
	next := site.Common().Args
	for range 40 {
		var chain []ssa.Value
		for _, arg := range next {
			out = append(out, arg)
			if call, ok := arg.(*ssa.Call); ok && len(p.calls.out[call]) == 0 {
				chain = append(chain, call.Call.Args...)
			}
		}
		if len(chain) == 0 {
			break
		}
		next = chain
	}
	return out
}

// runnableDomain is where the Start method of a runnable type runs.
func (f *finder) runnableDomain(t types.Type, mgr *Manager) (Domain, string) {
	m := f.method(t, "NeedLeaderElection")
	if m == nil {
		return mgr.electedDomain("is a plain runnable")
	}
	value, known := constantResult(m)
	if known && !value {
		return EveryReplica, "is a runnable whose NeedLeaderElection says false"
	}
	if known {
		return mgr.electedDomain("is a runnable whose NeedLeaderElection says true")
	}
	return mgr.electedDomain("is a runnable whose NeedLeaderElection is decided at run time")
}

// constantResult returns the one constant that all returns of a bool function give.
func constantResult(fn *ssa.Function) (value, known bool) {
	for _, b := range fn.Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok {
			continue
		}
		c, ok := ret.Results[0].(*ssa.Const)
		if !ok || c.Value == nil {
			return false, false
		}
		v := c.Value.String() == "true"
		if known && v != value {
			return false, false
		}
		value, known = v, true
	}
	return value, known
}

// Pos returns where the manager is made.
func (m *Manager) Pos() token.Pos { return m.Site.Pos() }
