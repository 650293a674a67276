// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Items are what a loop goes over.
type Items struct {
	// At is where the loop asks for the next one.
	At ssa.Instruction
	// What names them: "items of a slice", "items of a map", "values of a channel".
	What string
}

// ItemsOf returns what the innermost loop around an instruction goes over, when their number is given by data: a slice, a
// map or a channel. nil for loops that count, and outside of loops.
func ItemsOf(at ssa.Instruction) *Items {
	for _, b := range LoopOf(at.Block()) {
		if !b.Dominates(at.Block()) {
			continue
		}
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Next:
				return &Items{x, "items of a map"}
			case *ssa.UnOp:
				if x.Op == token.ARROW && !timerChannel(x.X) {
					return &Items{x, "values of a channel"}
				}
			case *ssa.If:
				cmp, ok := x.Cond.(*ssa.BinOp)
				if !ok || cmp.Op != token.LSS {
					continue
				}
				if call, ok := cmp.Y.(*ssa.Call); ok {
					if b, ok := call.Call.Value.(*ssa.Builtin); ok && b.Name() == "len" {
						return &Items{call, "items of a slice"}
					}
				}
			}
		}
	}
	return nil
}

// Limited tells whether something holds a loop back that starts goroutines: a send to, or a receive from, a channel that
// counts them, a semaphore, a rate limiter, the limit of the group that runs them, a wait in the loop itself.
func Limited(start ssa.CallInstruction) bool {
	for _, b := range LoopOf(start.Block()) {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Send:
				return true
			case *ssa.Select:
				if offersSend(x) {
					return true
				}
			case *ssa.Call:
				if row := program.Model(x); row != nil && row.Effect == kube.Block && row.Name != "Sleep" {
					return true
				}
			}
		}
	}
	recv := program.Receiver(start)
	if recv == nil {
		return false
	}
	for _, alias := range append(aliases(recv), Receivers(recv)...) {
		if alias.Referrers() == nil {
			continue
		}
		for _, ref := range *alias.Referrers() {
			if site, ok := ref.(ssa.CallInstruction); ok && program.Receiver(site) == alias {
				if t := program.Target(site); t != nil && (t.Name() == "SetLimit" || t.Name() == "WithMaxGoroutines") {
					return true
				}
			}
		}
	}
	return false
}

// Receivers are the variable that a value was loaded from, and the other loads of it.
func Receivers(v ssa.Value) []ssa.Value {
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return nil
	}
	if cell, ok := load.X.(*ssa.Alloc); ok {
		return aliases(cell)
	}
	return nil
}

// ReturnsAtOnce returns the return that a function gets to after it started a goroutine without anything on the way that
// could wait: no receive, no call but those that print and log, no deferred call but those of plain functions. nil if
// there is none.
func ReturnsAtOnce(start ssa.CallInstruction) ssa.Instruction {
	for _, b := range start.Parent().Blocks {
		for _, instr := range b.Instrs {
			if d, ok := instr.(*ssa.Defer); ok && mayWait(d) {
				return nil
			}
		}
	}
	for _, instr := range start.Block().Instrs[indexOf(start)+1:] {
		switch x := instr.(type) {
		case *ssa.Return:
			return x
		case *ssa.Call:
			if !prints(x) {
				return nil
			}
		case *ssa.UnOp:
			if x.Op == token.ARROW {
				return nil
			}
		case *ssa.Select, *ssa.Send, *ssa.If, *ssa.Jump:
			return nil
		}
	}
	return nil
}

// mayWait tells whether a deferred call could wait: a closure, or a method called Wait.
func mayWait(d *ssa.Defer) bool {
	if _, ok := d.Call.Value.(*ssa.MakeClosure); ok {
		return true
	}
	if d.Call.StaticCallee() == nil && !d.Call.IsInvoke() {
		return false // a function value: a cancel function
	}
	row := program.Model(d)
	return row != nil && row.Effect == kube.Block
}

// prints tells whether a call is one of a package that prints or logs.
func prints(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil {
		return false
	}
	switch target.Pkg().Path() {
	case "fmt", "log", "log/slog", "github.com/sirupsen/logrus", "k8s.io/klog/v2", "github.com/go-logr/logr", "go.uber.org/zap":
		return true
	}
	return false
}

// Loops tells whether a function has a loop that waits: a receive, a sleep or a call of a function in it.
func Loops(fn *ssa.Function) bool {
	for site := range program.Sites(fn) {
		if InLoop(site) {
			return true
		}
		if row := program.Model(site); row != nil && row.Effect == kube.Block {
			return true
		}
	}
	return false
}
