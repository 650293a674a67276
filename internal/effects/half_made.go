// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// HalfMade is something that a constructor started and left running when it failed: nobody but the constructor had what
// would have stopped it.
type HalfMade struct {
	// Start is the call or the go statement, Stop the channel that ends what it started.
	Start ssa.CallInstruction
	Stop  *Channel
	// Exit is the return with nothing but an error.
	Exit ssa.Instruction
}

// HalfMadeIn returns what a constructor starts under a stop channel that it has made itself, where it can fail afterwards
// without closing the channel.
func (e *Effects) HalfMadeIn(fn *ssa.Function) *HalfMade {
	results := fn.Signature.Results()
	if results.Len() < 2 || !isErrorType(results.At(results.Len()-1).Type()) {
		return nil
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			made, ok := instr.(*ssa.MakeChan)
			if !ok || !isEmptyStruct(chanElem(made)) {
				continue
			}
			if found := e.halfMade(fn, e.Channels().byMake[made]); found != nil {
				return found
			}
		}
	}
	return nil
}

func (e *Effects) halfMade(fn *ssa.Function, stop *Channel) *HalfMade {
	closers := make(map[*ssa.Function]bool)
	at := make(map[ssa.Instruction]bool)
	for _, cl := range stop.Of(ChannelClose) {
		closers[cl.Func] = true
		at[cl.Instr] = true
	}
	if len(closers) == 0 {
		return nil // nobody ends it, ever: that is no-shutdown's
	}
	for site := range program.Sites(fn) {
		if d, ok := site.(*ssa.Defer); ok && e.MayRun(d, closers) {
			return nil // a deferred function sees to it
		}
	}
	for site := range program.Sites(fn) {
		if !e.startsUnder(site, stop) {
			continue
		}
		w := &Paths{Ends: func(instr ssa.Instruction) bool {
			if ret, ok := instr.(*ssa.Return); ok {
				return !onlyError(ret)
			}
			call, ok := instr.(ssa.CallInstruction)
			return at[instr] || ok && e.MayRun(call, closers)
		}}
		w.EndsOn = failures(site) // what fails to start has not started
		if exit := w.ExitAfter(site); exit != nil {
			return &HalfMade{site, stop, exit}
		}
	}
	return nil
}

// startsUnder tells whether a call starts something that ends with the channel: a go statement that is given it, or the
// Start of a library.
func (e *Effects) startsUnder(site ssa.CallInstruction, stop *Channel) bool {
	_, starts := site.(*ssa.Go)
	if target := program.Target(site); !starts && (target == nil || !strings.HasPrefix(target.Name(), "Start") || len(e.Program.Static(site)) > 0) {
		return false
	}
	return slices.ContainsFunc(site.Common().Args, func(arg ssa.Value) bool {
		return isChannel(arg.Type()) && slices.Contains(e.conc.resolver.resolve(arg).channels, stop)
	})
}

// failures returns the branches that are taken where a call has failed.
func failures(site ssa.CallInstruction) map[Edge]bool {
	out := make(map[Edge]bool)
	results := site.Common().Signature().Results()
	if results.Len() == 0 {
		return out
	}
	err := tupleElement(site, results.Len()-1)
	if err == nil || !isErrorType(err.Type()) {
		return out
	}
	for _, b := range site.Parent().Blocks {
		for i, succ := range b.Succs {
			if failed(b, i, err) {
				out[Edge{b, succ}] = true
			}
		}
	}
	return out
}
