// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Hidden is a write that is to be sent again after a conflict, and whose error comes up as text only: who repeats the
// attempt cannot tell a conflict from other failures.
type Hidden struct {
	// Repeat is the call that runs the attempts.
	Repeat ssa.CallInstruction
	// Write gives the conflict, Made is the call that makes another error of its text.
	Write, Made *ssa.Call
}

// HiddenConflicts returns the writes below a retry on conflict whose conflicts it does not see, in source order.
func (e *Effects) HiddenConflicts() []Hidden {
	var out []Hidden
	for _, r := range e.Retries() {
		if write, made := e.hiddenIn(r.Body, 0); made != nil {
			out = append(out, Hidden{Repeat: r.Site, Write: write, Made: made})
		}
	}
	return out
}

// hiddenIn finds a write of fn, or of an own function whose error fn returns, that comes up as text only.
func (e *Effects) hiddenIn(fn *ssa.Function, depth int) (write, made *ssa.Call) {
	if depth > 2 {
		return nil, nil
	}
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || errorResult(call) == nil {
			continue
		}
		row := program.Model(call)
		if row != nil && !versionSent(row) {
			continue
		}
		w := &textWalk{seen: make(map[ssa.Value]bool)}
		w.failed(errorResult(call))
		if row != nil {
			if w.made != nil && !w.visible {
				return call, w.made
			}
			continue
		}
		if callees := e.Program.Static(call); len(callees) == 1 && w.returned {
			if write, made := e.hiddenIn(callees[0], depth+1); made != nil {
				return write, made
			}
		}
	}
	return nil, nil
}

// textWalk follows an error through its function: whether it is returned, or looked at, as it is, and whether another error is
// made of its text and returned.
type textWalk struct {
	seen     map[ssa.Value]bool
	visible  bool
	returned bool
	made     *ssa.Call
}

// failed follows the error itself, and errors that wrap it.
func (w *textWalk) failed(v ssa.Value) {
	if w.seen[v] || v.Referrers() == nil {
		return
	}
	w.seen[v] = true
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.Return:
			w.visible, w.returned = true, true
		case *ssa.Phi:
			w.failed(x)
		case *ssa.ChangeInterface:
			w.failed(x)
		case *ssa.MakeInterface:
			w.failed(x)
		case *ssa.TypeAssert:
			w.visible = true
		case *ssa.Store:
			w.stored(x, v)
		case *ssa.Call:
			w.passed(x, v)
		}
	}
}

// stored follows a variable of the function; what leaves it otherwise may be looked at.
func (w *textWalk) stored(at *ssa.Store, v ssa.Value) {
	switch addr := at.Addr.(type) {
	case *ssa.IndexAddr:
		if call := variadicCall(addr); call != nil {
			w.among(call)
		}
	case *ssa.Alloc:
		for _, ref := range *addr.Referrers() {
			switch x := ref.(type) {
			case *ssa.UnOp:
				if x.Op == token.MUL {
					w.failed(x)
				}
			case *ssa.MakeClosure:
				w.visible = true
			}
		}
	default:
		w.visible = true
	}
}

// passed judges a call that gets the error as it is: a logger does nothing with it, others may wrap it or look at it.
func (w *textWalk) passed(call *ssa.Call, v ssa.Value) {
	if call.Call.IsInvoke() && call.Call.Value == v && call.Call.Method.Name() == "Error" {
		w.text(call)
		return
	}
	if call.Call.Signature().Results().Len() > 0 {
		w.visible = true
	}
}

// among judges a call that has the error among its variadic arguments.
func (w *textWalk) among(call *ssa.Call) {
	t := program.Target(call)
	switch {
	case t != nil && t.Pkg() != nil && t.Pkg().Path() == "fmt" && t.Name() == "Errorf":
		format, ok := call.Call.Args[0].(*ssa.Const)
		if !ok || strings.Contains(format.Value.ExactString(), "%w") {
			w.visible = true
			return
		}
		w.errorOfText(call)
	case t != nil && t.Pkg() != nil && t.Pkg().Path() == "fmt" && strings.HasPrefix(t.Name(), "Sprint"):
		w.text(call)
	case call.Call.Signature().Results().Len() > 0:
		w.visible = true
	}
}

// text follows the text of the error to the error that is made of it.
func (w *textWalk) text(v ssa.Value) {
	if w.seen[v] || v.Referrers() == nil {
		return
	}
	w.seen[v] = true
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.BinOp:
			if x.Op == token.ADD {
				w.text(x)
			}
		case *ssa.MakeInterface:
			w.text(x)
		case *ssa.Store:
			if addr, ok := x.Addr.(*ssa.IndexAddr); ok {
				if call := variadicCall(addr); call != nil {
					w.madeOf(call)
				}
			}
		case *ssa.Call:
			w.madeOf(x)
		}
	}
}

func (w *textWalk) madeOf(call *ssa.Call) {
	switch {
	case isErrorType(call.Type()):
		w.errorOfText(call)
	case isText(call.Type()):
		w.text(call)
	}
}

// errorOfText notes an error made of text that is returned.
func (w *textWalk) errorOfText(call *ssa.Call) {
	made := &textWalk{seen: make(map[ssa.Value]bool)}
	if made.failed(call); made.returned && w.made == nil {
		w.made = call
	}
}

// variadicCall returns the call that gets the slice which an element is stored into.
func variadicCall(at *ssa.IndexAddr) *ssa.Call {
	if at.X.Referrers() == nil {
		return nil
	}
	for _, ref := range *at.X.Referrers() {
		slice, ok := ref.(*ssa.Slice)
		if !ok {
			continue
		}
		for _, use := range *slice.Referrers() {
			if call, ok := use.(*ssa.Call); ok {
				return call
			}
		}
	}
	return nil
}
