// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Spin is a loop that goes round without a pause once its context is over: what it waits in returns at once then, and
// the way from there back to it neither waits nor leaves.
type Spin struct {
	// Wait is the call that is given the context, or the select with a case for its end.
	Wait ssa.Instruction
	// Back is the branch that is taken when the context is over.
	Back    Edge
	Context ssa.Value
	// Latent is set where the context is a parameter, and all that it is given by now never ends.
	Latent bool
	// Lasting says in which state the call fails for good, where it is not its context that ends; or "".
	Lasting string
}

// Spins returns the loops of a function that spin, in order.
func (e *Effects) Spins(fn *ssa.Function) []Spin {
	var out []Spin
	told := make(map[*ssa.BasicBlock]bool)
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			s, ok := e.spinAt(instr)
			if !ok || told[b] {
				continue // one loop, one finding
			}
			if s.Latent = e.Goroutines().unending(s.Context); s.Latent && !e.isGiven(s.Context) {
				continue // nobody can end it
			}
			if !roundAtOnce(s.Back, instr) {
				continue // it waits, leaves, or does something that may
			}
			markLoop(told, instr)
			out = append(out, s)
		}
	}
	return out
}

// isGiven tells whether a context is a parameter, of the function itself or of one that it is written in.
func (e *Effects) isGiven(ctx ssa.Value) bool {
	if load, ok := ctx.(*ssa.UnOp); ok {
		ctx = load.X
	}
	switch x := ctx.(type) {
	case *ssa.Parameter:
		return true
	case *ssa.Alloc:
		return slices.ContainsFunc(storedIn(x), e.isGiven)
	case *ssa.FreeVar:
		return slices.ContainsFunc(e.Program.Bindings(x), e.isGiven)
	}
	return false
}

// spinAt returns where a loop goes from an instruction in it that waits under a context, when the context is over.
func (e *Effects) spinAt(instr ssa.Instruction) (Spin, bool) {
	switch x := instr.(type) {
	case *ssa.Select:
		if !x.Blocking || !InLoop(x) {
			return Spin{}, false
		}
		for i, st := range x.States {
			done, ok := stripped(st.Chan).(*ssa.Call)
			if st.Dir != types.RecvOnly || !ok || !isDoneCall(done) {
				continue
			}
			if back, ok := CaseEdge(x, i); ok {
				return Spin{Wait: x, Back: back, Context: done.Call.Value}, true
			}
		}
	case *ssa.Call:
		ctx := ContextArgument(x)
		if ctx == nil || !InLoop(x) || isDoneCall(x) || !e.waitsUnder(x) && !e.waitsForTruth(x) || e.mayPause(x) {
			return Spin{}, false
		}
		if back, ok := failureEdge(x); ok {
			return Spin{Wait: x, Back: back, Context: ctx}, true
		}
	}
	return Spin{}, false
}

// waitsForTruth tells whether a call into a library says only whether something came about before its context was over.
func (e *Effects) waitsForTruth(call *ssa.Call) bool {
	target, results := program.Target(call), call.Call.Signature().Results()
	return target != nil && target.Pkg() != nil && !e.Program.OwnPackage(target.Pkg()) && results.Len() == 1 &&
		types.Identical(results.At(0).Type(), types.Typ[types.Bool])
}

// mayPause tells whether a function of own code, which a loop calls, has a wait of its own: it may take its time before it
// fails, context or not.
func (e *Effects) mayPause(call *ssa.Call) bool {
	for _, edge := range e.Program.Callees(call) {
		for fn := range e.Reach(edge.Callee) {
			for _, b := range fn.Blocks {
				if slices.ContainsFunc(b.Instrs, func(instr ssa.Instruction) bool { return waits(instr) || sleeps(instr) }) {
					return true
				}
			}
		}
	}
	return false
}

func sleeps(instr ssa.Instruction) bool {
	call, ok := instr.(*ssa.Call)
	if !ok {
		return false
	}
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && target.Name() == "Sleep"
}

// failureEdge returns the branch that is taken when a call has failed: its error is not nil, or its only result is false.
func failureEdge(call *ssa.Call) (Edge, bool) {
	results := call.Call.Signature().Results()
	if results.Len() == 0 {
		return Edge{}, false
	}
	v := tupleElement(call, results.Len()-1)
	isTruth := results.Len() == 1 && types.Identical(results.At(0).Type(), types.Typ[types.Bool])
	if v == nil || !isTruth && !isErrorType(v.Type()) {
		return Edge{}, false
	}
	for _, b := range call.Parent().Blocks {
		branch, ok := last(b).(*ssa.If)
		if !ok {
			continue
		}
		cond, negated := positive(branch.Cond)
		succ := 0
		switch cond := cond.(type) {
		case *ssa.BinOp:
			if isTruth || cond.X != v || !program.IsNil(cond.Y) || cond.Op != token.NEQ && cond.Op != token.EQL {
				continue
			}
			if cond.Op == token.EQL {
				succ = 1
			}
		default:
			if !isTruth || cond != v {
				continue
			}
			succ = 1
		}
		if negated {
			succ = 1 - succ
		}
		return Edge{b, b.Succs[succ]}, true
	}
	return Edge{}, false
}

// roundAtOnce tells whether all ways over an edge lead back to an instruction, with nothing between that waits, leaves, or
// may do so.
func roundAtOnce(edge Edge, back ssa.Instruction) bool {
	seen := make(map[*ssa.BasicBlock]bool)
	came := false
	queue := []*ssa.BasicBlock{edge.To}
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		if seen[b] {
			continue
		}
		seen[b] = true
		arrived := false
		for _, instr := range b.Instrs {
			if arrived = instr == back; arrived {
				came = true
				break
			}
			if !atOnce(instr) && !prepares(instr, back, 0) {
				return false
			}
		}
		if !arrived {
			queue = append(queue, b.Succs...)
		}
	}
	return came
}

// atOnce tells whether an instruction takes no time and leaves nothing: it computes, prints or counts.
func atOnce(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.Select, *ssa.Send, *ssa.Return, *ssa.Panic, *ssa.Go, *ssa.Defer, *ssa.Next, *ssa.MapUpdate, *ssa.Store:
		_, isStore := x.(*ssa.Store)
		return isStore
	case *ssa.UnOp:
		return x.Op != token.ARROW
	case *ssa.Call:
		if _, builtin := x.Call.Value.(*ssa.Builtin); builtin {
			return true
		}
		if isContextMethod(x, "Err") || EndsProcess(x) {
			return false // it looks
		}
		return prints(x) || computes(x)
	}
	return true
}

// prepares tells whether a call without an error gives a wait what it is called on, or the channel
// that it waits for: c.CoreV1().Pods(namespace), ctx.Done().
func prepares(instr, wait ssa.Instruction, depth int) bool {
	call, ok := instr.(*ssa.Call)
	if !ok || depth == 4 || call.Call.Signature().Results().Len() != 1 {
		return false
	}
	return slices.ContainsFunc(refs(call), func(ref ssa.Instruction) bool { return ref == wait || prepares(ref, wait, depth+1) })
}

// computes tells whether a call is one into a library that only computes, or asks a value in memory.
func computes(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil {
		return false
	}
	if target.Pkg() == nil {
		return target.Name() == "Error" // of package builtin's error
	}
	switch target.Pkg().Path() {
	case "errors", "strings", "strconv", "github.com/pkg/errors", "k8s.io/apimachinery/pkg/api/errors", "sigs.k8s.io/controller-runtime/pkg/log":
		return true
	case "time":
		return target.Name() == "Now" || target.Name() == "Since"
	}
	return target.Pkg().Path() == "google.golang.org/grpc" && target.Name() == "GetState"
}
