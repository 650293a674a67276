// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// GroupCall is a call of a method of a sync.WaitGroup (or of an errgroup's Wait).
type GroupCall struct {
	Site   ssa.CallInstruction
	Method string // Add, Done, Wait, Go
	Place  string
	Func   *ssa.Function
}

// GroupCalls returns the calls on wait groups that stand in fn itself.
func (e *Effects) GroupCalls(fn *ssa.Function) []GroupCall {
	if known, ok := e.conc.groups[fn]; ok {
		return known
	}
	var out []GroupCall
	for site := range program.Sites(fn) {
		target := program.Target(site)
		if target == nil {
			continue
		}
		recv := program.Receiver(site)
		if recv == nil || !isGroup(recv) {
			continue
		}
		switch target.Name() {
		case "Add", "Done", "Wait", "Go":
			out = append(out, GroupCall{site, target.Name(), e.Variable(recv), fn})
		}
	}
	if e.conc.groups == nil {
		e.conc.groups = make(map[*ssa.Function][]GroupCall)
	}
	e.conc.groups[fn] = out
	return out
}

func isGroup(v ssa.Value) bool {
	return program.IsNamed(v.Type(), "sync", "WaitGroup") || program.IsNamed(v.Type(), "golang.org/x/sync/errgroup", "Group")
}

// AfterDone tells whether each way from the start of a goroutine to an instruction of the same function waits for the end of
// a context.
func AfterDone(start, at ssa.Instruction) bool {
	seen := make(map[*ssa.BasicBlock]bool)
	var open func(instrs []ssa.Instruction) bool // is there a way on to at that waits for no context
	open = func(instrs []ssa.Instruction) bool {
		for _, instr := range instrs {
			if instr == at {
				return true
			}
			if recv, ok := instr.(*ssa.UnOp); ok && recv.Op == token.ARROW {
				if done, ok := recv.X.(*ssa.Call); ok && isDoneCall(done) {
					return false
				}
			}
		}
		return slices.ContainsFunc(instrs[len(instrs)-1].Block().Succs, func(next *ssa.BasicBlock) bool {
			if seen[next] {
				return false
			}
			seen[next] = true
			return open(next.Instrs)
		})
	}
	b := start.Block()
	return !open(b.Instrs[slices.Index(b.Instrs, start):])
}

// JoinedBy tells whether an instruction waits for the end of a goroutine, or for a word from it: Wait on a group that it
// belongs to, or a receive that only it can answer.
func (e *Effects) JoinedBy(g Goroutine, instr ssa.Instruction) bool {
	if call, ok := instr.(*ssa.Call); ok {
		return e.waitsFor(g, call)
	}
	for _, op := range e.Channels().At(instr) {
		if op.Alone() && op.Kind == ChannelReceive && e.answeredBy(g, op) {
			return true
		}
	}
	return false
}

// JoinEdges returns the select cases of fn that are taken only after a word from the goroutine.
func (e *Effects) JoinEdges(g Goroutine, fn *ssa.Function) map[Edge]bool {
	edges := make(map[Edge]bool)
	for _, op := range e.Channels().In(fn) {
		if op.Select == nil || op.Kind != ChannelReceive || !e.answeredBy(g, op) {
			continue
		}
		if edge, ok := CaseEdge(op.Select, op.Case); ok {
			edges[edge] = true
		}
	}
	return edges
}

// answeredBy tells whether some channel behind a receive is signalled by the goroutine, or is signalled by others who have
// waited for its end.
func (e *Effects) answeredBy(g Goroutine, op *ChannelOp) bool {
	reach := e.Reach(g.Func)
	for _, c := range op.Channels {
		for _, s := range c.Signals() {
			if reach[s.Func] {
				return true
			}
		}
	}
	return op.Exact && len(op.Channels) == 1 && e.signalledAfter(g, op.Channels[0])
}

func (e *Effects) waitsFor(g Goroutine, call *ssa.Call) bool {
	check := func(w GroupCall) bool {
		return w.Method == "Wait" && (e.memberOf(g, w.Place) || e.doneAfter(g, w.Place) || e.countedByWord(g, w.Place))
	}
	for _, w := range e.GroupCalls(call.Parent()) {
		if w.Site == call {
			return check(w)
		}
	}
	for _, edge := range e.Program.Callees(call) {
		if edge.How == program.Starts {
			continue
		}
		for fn := range e.Reach(edge.Callee) {
			for _, w := range e.GroupCalls(fn) {
				if check(w) {
					return true
				}
			}
		}
	}
	return false
}

// memberOf tells whether a goroutine belongs to the group that is kept at a place.
func (e *Effects) memberOf(g Goroutine, place string) bool {
	if g.Start != nil && program.Receiver(g.Start) != nil && isGroup(program.Receiver(g.Start)) {
		if e.Variable(program.Receiver(g.Start)) == place {
			return true
		}
	}
	for fn := range e.Reach(g.Func) {
		for _, d := range e.GroupCalls(fn) {
			if d.Method == "Done" && d.Place == place {
				return true
			}
		}
	}
	return false
}
