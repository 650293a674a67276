// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// What held-across-network asks about a lock: whether it is there to let one after the other through, so that who waits wants to.

// askers lists the functions that ask another machine with a lock held, by lock. What a library does that is given a context may
// be such a question. Who holds the lock for reading counts if it asks each time: most often it finds what it reads at hand.
func askers(p *rule.Pass) map[memory.Place]map[*ssa.Function]bool {
	out := make(map[memory.Place]map[*ssa.Function]bool)
	for _, fn := range p.Program.Funcs {
		flow := locks(p).Flow(fn)
		if flow == nil {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				for _, h := range flow.At(instr).Must {
					if out[h.Lock.Place][fn] || !asksOther(p, instr, h) || h.Mode == memory.Read && !eachTime(instr) {
						continue
					}
					if out[h.Lock.Place] == nil {
						out[h.Lock.Place] = make(map[*ssa.Function]bool)
					}
					out[h.Lock.Place][fn] = true
				}
			}
		}
	}
	return out
}

// mostAsk tells whether several functions that take a lock, and more than half of them, ask another machine with it held: the requests are
// what it is there for, and a change of what they tell waits for its turn as they do.
func mostAsk(p *rule.Pass, place memory.Place, asks map[*ssa.Function]bool) bool {
	takers := make(map[*ssa.Function]bool)
	asking := 0
	for _, site := range locks(p).Acquirers(place) {
		fn := site.Parent()
		if takers[fn] || p.Program.InTest(fn) {
			continue
		}
		takers[fn] = true
		if asks[fn] || callsOne(p, fn, asks) {
			asking++
		}
	}
	return asking > 2 && 2*asking > len(takers)
}

// asksOther tells whether an instruction may ask another machine with a lock held.
func asksOther(p *rule.Pass, instr ssa.Instruction, h memory.Holding) bool {
	return slices.ContainsFunc(locks(p).BlocksAt(instr), func(b *memory.Block) bool {
		return (b.Kind.Remote() || b.Kind == memory.Library) && !given(b, h)
	})
}

// eachTime tells whether a function comes to an instruction whenever it ends well.
func eachTime(instr ssa.Instruction) bool {
	for _, b := range instr.Parent().Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok || b == instr.Parent().Recover || failed(ret) {
			continue
		}
		if !program.Dominates(instr, ret) {
			return false
		}
	}
	return true
}

// failed tells whether a return gives back an error that is not the constant nil, and not what a call answers that it hands on.
func failed(ret *ssa.Return) bool {
	if len(ret.Results) == 0 {
		return false
	}
	last := returnedAs(ret.Results[len(ret.Results)-1], ret.Block())
	if extract, ok := last.(*ssa.Extract); ok && extract.Block() == ret.Block() {
		return false
	}
	return types.Identical(last.Type(), types.Universe.Lookup("error").Type()) && !program.IsNil(last)
}

// returnedAs is what a return gives back: the value, or what the block of the return stores in the variable that it waits in for
// deferred calls to run.
func returnedAs(v ssa.Value, block *ssa.BasicBlock) ssa.Value {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return v
	}
	for _, instr := range block.Instrs {
		if store, ok := instr.(*ssa.Store); ok && store.Addr == load.X {
			v = store.Val
		}
	}
	return v
}

// startsAndStops tells whether all who take a lock start goroutines, or end them.
func startsAndStops(p *rule.Pass, place memory.Place) bool {
	c := p.Program.Concurrency()
	users := locks(p).Acquirers(place)
	return len(users) > 1 && !slices.ContainsFunc(users, func(site ssa.CallInstruction) bool {
		return !c.MayStartAny(site.Parent()) && !ends(p, site.Parent(), 0)
	})
}

// endsDepth bounds the calls that are followed to the end of a goroutine.
const endsDepth = 2

// ends tells whether a function cancels a context or closes a channel, itself or in what it calls by name.
func ends(p *rule.Pass, fn *ssa.Function, depth int) bool {
	for site := range program.Sites(fn) {
		called := site.Common().Value
		if b, ok := called.(*ssa.Builtin); ok && b.Name() == "close" || program.IsNamed(called.Type(), "context", "CancelFunc") {
			return true
		}
		if callee := site.Common().StaticCallee(); callee != nil && depth < endsDepth && p.Program.Own(callee) && ends(p, callee, depth+1) {
			return true
		}
	}
	return false
}

// keepsAnswer tells whether what is written to the API server is kept, when it was accepted, in the struct that has the lock:
// nobody may come between the last version and the next.
func keepsAnswer(r remote) bool {
	call, ok := r.block.At.(*ssa.Call)
	if !ok || r.block.Row == nil || !r.block.Row.Effect.IsWrite() {
		return false
	}
	sent := program.Argument(call, r.block.Row.Object)
	for {
		boxed, ok := sent.(*ssa.MakeInterface)
		if !ok {
			break
		}
		sent = boxed.X
	}
	if sent == nil || sent.Referrers() == nil {
		return false
	}
	return slices.ContainsFunc(*sent.Referrers(), func(ref ssa.Instruction) bool {
		store, ok := ref.(*ssa.Store)
		if !ok || store.Val != sent {
			return false
		}
		field, ok := store.Addr.(*ssa.FieldAddr)
		if !ok {
			return false
		}
		key, ok := program.FieldKeyOf(field.X.Type(), field.Field)
		return ok && key.Type == r.held.Lock.Place.Type && program.MayPrecede(call, store)
	})
}
