// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/constant"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// findFlags finds the parameters by which callers tell a function whether they hold a lock, as far as that can be:
// load(items, true) takes a lock that load(items, false) is called with.
func (l *Locks) findFlags() {
	l.flags = make(map[*ssa.Function][]*ssa.Parameter)
	for _, fn := range l.program.Funcs {
		for _, b := range fn.Blocks {
			branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
			if !ok {
				continue
			}
			test, _ := plainTest(branch.Cond)
			if param, ok := test.(*ssa.Parameter); ok && !slices.Contains(l.flags[fn], param) && l.toldBoth(param) {
				l.flags[fn] = append(l.flags[fn], param)
			}
		}
	}
}

// toldBoth tells whether callers give both values to a flag.
func (l *Locks) toldBoth(param *ssa.Parameter) bool {
	var yes, no bool
	for _, e := range l.program.Callers(param.Parent()) {
		value, known := told(e, param)
		yes, no = yes || known && value, no || known && !value
	}
	return yes && no
}

// told returns what one call says by a flag, if it is a constant.
func told(e program.Edge, param *ssa.Parameter) (value, known bool) {
	c, ok := program.ArgumentFor(e, slices.Index(param.Parent().Params, param)).(*ssa.Const)
	if !ok || c.Value == nil || c.Value.Kind() != constant.Bool {
		return false, false
	}
	return constant.BoolVal(c.Value), true
}

// flagAt returns the flag that has been tested on every way to an instruction, and its value there.
func (l *Locks) flagAt(instr ssa.Instruction) (flag *ssa.Parameter, value bool) {
	flags := l.flags[instr.Parent()]
	if len(flags) == 0 {
		return nil, false
	}
	for b := instr.Block(); b != nil; b = b.Idom() {
		if len(b.Preds) != 1 {
			continue
		}
		pred := b.Preds[0]
		branch, ok := pred.Instrs[len(pred.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		test, negated := plainTest(branch.Cond)
		if param, ok := test.(*ssa.Parameter); ok && slices.Contains(flags, param) {
			return param, (pred.Succs[0] == b) != negated
		}
	}
	return nil, false
}

// entryAt are the locks that all callers hold who get to an instruction: those count that do not tell by a flag that they
// take another way.
func (l *Locks) entryAt(instr ssa.Instruction) []Holding {
	fn := instr.Parent()
	entry := l.entryOf(fn)
	flag, value := l.flagAt(instr)
	if flag == nil || l.asking[fn] || l.program.EntryAt(fn) != nil {
		return entry
	}
	l.asking[fn] = true
	defer delete(l.asking, fn)
	var held []Holding
	for i, e := range l.saying(flag, value) {
		if e.How != program.Calls {
			return entry
		}
		if here := l.heldAtCall(e); i == 0 {
			held = here
		} else {
			held = heldInBoth(held, here)
		}
	}
	for _, h := range entry {
		if !slices.ContainsFunc(held, func(o Holding) bool { return o.Lock.Place == h.Lock.Place }) {
			held = append(held, h)
		}
	}
	return held
}

// saying lists the calls that may give a value to a flag, out of functions that were looked at.
func (l *Locks) saying(flag *ssa.Parameter, value bool) []program.Edge {
	var out []program.Edge
	for _, e := range l.program.Callers(flag.Parent()) {
		said, known := told(e, flag)
		if at := l.entry[e.Caller()]; (!known || said == value) && (at == nil || at.known()) {
			out = append(out, e)
		}
	}
	return out
}

// unasked tells whether nobody was looked at yet who gets to an instruction.
func (l *Locks) unasked(instr ssa.Instruction) bool {
	flag, value := l.flagAt(instr)
	return flag != nil && len(l.saying(flag, value)) == 0
}

// heldInBoth keeps the locks held in both states, in the weaker mode; of two instances, or one by two names, the place.
func heldInBoth(a, b []Holding) []Holding {
	var out []Holding
	for _, x := range a {
		i := slices.IndexFunc(b, func(y Holding) bool { return x.Lock == y.Lock })
		if i < 0 {
			i = slices.IndexFunc(b, func(y Holding) bool { return x.Lock.Place == y.Lock.Place && y.Lock.Place.Known() })
			x.Lock.Ref = Ref{}
		}
		if i >= 0 {
			x.Mode = min(x.Mode, b[i].Mode)
			out = append(out, x)
		}
	}
	return out
}
