// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// onceDepth bounds the calls that are followed back from a write to the test that it stands behind.
const onceDepth = 4

// setOnce tells whether the memory at a place is written at most once in the life of its object, under a lock: each write stands
// behind a test that finds something unset, which is set there and never unset again. Who reads such memory without asking
// whether it is set knows that it is, and comes after the write.
func (m *Memory) setOnce(place Place) bool {
	if known, ok := m.once[place]; ok {
		return known
	}
	once, some := true, false
	for _, a := range m.accesses[place] {
		if a.Write {
			some = true
			once = once && len(a.Held) > 0 && m.behindUnset(a.At, place, nil)
		}
	}
	m.once[place] = once && some
	return m.once[place]
}

// behindUnset tells whether an instruction runs only where a test has found something unset that is then set for good. below
// are the functions that lead from the test to the instruction.
func (m *Memory) behindUnset(instr ssa.Instruction, place Place, below []*ssa.Function) bool {
	fn := instr.Parent()
	below = append(below, fn)
	if m.findsUnset(instr, place, below) {
		return true
	}
	if len(below) > onceDepth || m.Program.EntryAt(fn) != nil {
		return false
	}
	some := false
	for _, e := range m.Program.Callers(fn) {
		if m.Locks.testsOnly(e) || m.builds(e) {
			continue
		}
		if program.Initialises(e.Caller()) {
			some = true // before all else, whatever it finds
			continue
		}
		if e.How != program.Calls || e.Arg >= 0 || slices.Contains(below, e.Caller()) || !m.behindUnset(e.Site, place, below) {
			return false
		}
		some = true
	}
	return some
}

// findsUnset tells whether an instruction stands, in its function, behind a test that has found unset what is set then for good: the
// memory at a place, or a variable that one of the functions below sets.
func (m *Memory) findsUnset(instr ssa.Instruction, place Place, below []*ssa.Function) bool {
	return slices.ContainsFunc(m.unsetBefore(instr), func(flag Place) bool {
		return m.staysSet(flag) && (flag == place || m.setsIn(flag, below))
	})
}

// unsetBefore lists the variables that tests on the way to an instruction, in its function, have found unset.
func (m *Memory) unsetBefore(instr ssa.Instruction) []Place {
	var out []Place
	block := instr.Block()
	for at := block.Idom(); at != nil; at = at.Idom() {
		branch, ok := at.Instrs[len(at.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		flag, unsetIf := m.asksForSet(branch.Cond)
		if !flag.Known() {
			continue
		}
		succ := at.Succs[1]
		if unsetIf {
			succ = at.Succs[0]
		}
		if len(succ.Preds) == 1 && succ.Dominates(block) {
			out = append(out, flag)
		}
	}
	return out
}

// asksForSet returns the variable that a condition asks whether it is set, and the outcome that says it is not.
func (m *Memory) asksForSet(cond ssa.Value) (flag Place, unsetIf bool) {
	test, negated := plainTest(cond)
	switch x := test.(type) {
	case *ssa.UnOp:
		if x.Op == token.MUL && isBool(x.Type()) {
			flag, _ = m.variable(x.X)
			return flag, negated
		}
	case *ssa.Call:
		if atomicMethod(x) == "Load" && isBool(x.Type()) {
			flag, _ = m.variable(program.Receiver(x))
			return flag, negated
		}
	case *ssa.BinOp:
		load, ok := x.X.(*ssa.UnOp)
		if !ok || load.Op != token.MUL || !isZero(x.Y) || x.Op != token.EQL && x.Op != token.NEQ {
			return Place{}, false
		}
		flag, _ = m.variable(load.X)
		return flag, (x.Op == token.EQL) != negated
	}
	return Place{}, false
}

// staysSet tells whether no store ever unsets a variable; what a constructor stores does not count.
func (m *Memory) staysSet(flag Place) bool {
	for _, call := range m.atomicStores()[flag] {
		args := call.Call.Args
		if len(args) == 0 || isZero(args[len(args)-1]) || !isConst(args[len(args)-1]) {
			return false
		}
	}
	return !slices.ContainsFunc(m.accesses[flag], func(a *Access) bool {
		store, ok := a.At.(*ssa.Store)
		return a.Write && a.Part == Value && (!ok || isZero(store.Val) || isBool(store.Val.Type()) && !isConst(store.Val))
	})
}

// setsIn tells whether one of several functions sets a variable.
func (m *Memory) setsIn(flag Place, fns []*ssa.Function) bool {
	return slices.ContainsFunc(m.accesses[flag], func(a *Access) bool { return a.Write && slices.Contains(fns, a.Func()) }) ||
		slices.ContainsFunc(m.atomicStores()[flag], func(call *ssa.Call) bool { return slices.Contains(fns, call.Parent()) })
}

// atomicStores lists the calls that write atomic variables, by place.
func (m *Memory) atomicStores() map[Place][]*ssa.Call {
	if m.stores == nil {
		m.stores = make(map[Place][]*ssa.Call)
		for _, fn := range m.Program.Funcs {
			for site := range program.Sites(fn) {
				call, ok := site.(*ssa.Call)
				if !ok {
					continue
				}
				switch atomicMethod(call) {
				case "Store", "Swap", "CompareAndSwap", "CAS", "Toggle":
					if place, _ := m.variable(program.Receiver(call)); place.Known() {
						m.stores[place] = append(m.stores[place], call)
					}
				}
			}
		}
	}
	return m.stores
}

// atomicMethod names the method of an atomic variable that a call runs, or "".
func atomicMethod(call *ssa.Call) string {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || program.Receiver(call) == nil {
		return ""
	}
	if path := target.Pkg().Path(); path != "sync/atomic" && path != "go.uber.org/atomic" {
		return ""
	}
	return target.Name()
}

// looksAgain tells whether an access only asks for a flag that is never unset, before the function takes the lock and asks again:
// an old answer costs it the lock, no more.
func (m *Memory) looksAgain(a *Access, guard Place) bool {
	if a.Write || !isBool(a.Type) || !m.staysSet(a.Place) {
		return false
	}
	return slices.ContainsFunc(m.accesses[a.Place], func(again *Access) bool {
		_, held := again.Holds(guard)
		return held && !again.Write && again.Func() == a.Func() && program.MayPrecede(a.At, again.At)
	})
}

// setAtStart tells whether a write stands behind a test that finds the variable unset, and whoever makes the object, or starts the
// goroutines that meet, gets there first: they find it set.
func (m *Memory) setAtStart(a *Access, meeting program.Meeting) bool {
	if a.Place.Global != nil {
		init := m.initialiser(a)
		return init != nil && (m.initSets(a.Place) || m.mainSets(a, meeting) || m.beginsAfter(meeting.A, init) || m.beginsAfter(meeting.B, init))
	}
	if a.Place.Type == nil || !slices.Contains(m.unsetBefore(a.At), a.Place) || !m.staysSet(a.Place) {
		return false
	}
	makers := m.makers(a.Place.Type)
	if len(makers) == 1 && !m.Program.RunsAgain(makers[0]) && m.mainSets(a, meeting) {
		return true
	}
	return len(makers) > 0 && !slices.ContainsFunc(makers, func(made *ssa.Alloc) bool {
		return !slices.ContainsFunc(m.Program.Callers(a.Func()), func(e program.Edge) bool { return e.Caller() == made.Parent() && m.builds(e) })
	})
}

// initSets tells whether the initialisation of a package sets a variable, itself or by what it calls.
func (m *Memory) initSets(place Place) bool {
	return slices.ContainsFunc(m.accesses[place], func(a *Access) bool {
		return a.Write && (program.Initialises(a.Func()) || slices.ContainsFunc(m.Program.Callers(a.Func()), func(e program.Edge) bool {
			return e.How == program.Calls && program.Initialises(e.Caller())
		}))
	})
}

// mainSets tells whether the start of the program comes to an access before it has started what meets there.
func (m *Memory) mainSets(a *Access, meeting program.Meeting) bool {
	c := m.Program.Concurrency()
	return c.Some(a.Func(), func(r *program.Root) bool {
		return r.Entry != nil && r.Entry.Kind == program.EntryMain && c.EarlyFor(r, meeting.A, a.At) && c.EarlyFor(r, meeting.B, a.At) &&
			(c.Leads(r, meeting.A) || c.Leads(r, meeting.B))
	})
}

// asks tells whether an access only asks whether a variable is set.
func asks(a *Access) bool {
	load, ok := a.At.(*ssa.UnOp)
	if !ok {
		return false
	}
	return slices.ContainsFunc(*load.Referrers(), func(ref ssa.Instruction) bool {
		switch x := ref.(type) {
		case *ssa.BinOp:
			return isZero(x.Y)
		case *ssa.If:
			return true
		case *ssa.UnOp:
			return x.Op == token.NOT
		}
		return false
	})
}

func isBool(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsBoolean != 0
}

func isConst(v ssa.Value) bool {
	_, ok := v.(*ssa.Const)
	return ok
}

// isZero tells whether a value is the constant that a variable holds which was never set.
func isZero(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	if !ok {
		return false
	}
	if c.Value == nil {
		return true
	}
	switch c.Value.Kind() {
	case constant.Bool:
		return !constant.BoolVal(c.Value)
	case constant.String:
		return constant.StringVal(c.Value) == ""
	case constant.Int:
		return constant.Sign(c.Value) == 0
	}
	return false
}
