// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Retry runs a function again when it returned a conflict: retry.RetryOnConflict and its relatives.
type Retry struct {
	Site ssa.CallInstruction
	// Body is what is run again.
	Body *ssa.Function
	// Writes are the writes that the body makes, itself or in what it calls, in order.
	Writes []Reached
	// Opaque is set when the body calls what may write in ways that the code does not show.
	Opaque bool
}

// Reached is a call that a function leads to.
type Reached struct {
	Site ssa.CallInstruction
	Call *kube.Call
	// Path are the calls from the function down to the one that contains Site.
	Path []ssa.CallInstruction
}

// Retries returns the retries on conflict of own code, in source order. OnError counts only where its condition is
// IsConflict.
func (e *Effects) Retries() []*Retry {
	if e.retries == nil {
		e.retries = slices.Clip(e.findRetries())
	}
	return e.retries
}

func (e *Effects) findRetries() []*Retry {
	out := []*Retry{} // not nil: found, even when there are none
	for _, fn := range e.Program.Funcs {
		for site := range program.Sites(fn) {
			row := program.Model(site)
			if row == nil || row.Effect != kube.RetryOnConflict || row.Name == "OnError" && !onConflict(site) {
				continue
			}
			for _, edge := range e.Program.Callees(site) {
				if edge.Arg < 0 || !runsBody(site, row, edge) {
					continue
				}
				r := &Retry{Site: site, Body: edge.Callee}
				r.Writes, r.Opaque = e.WritesBelow(edge.Callee)
				out = append(out, r)
			}
		}
	}
	return out
}

// runsBody tells whether the argument of an edge is the function that is retried, not the one that judges the error.
func runsBody(site ssa.CallInstruction, row *kube.Call, edge program.Edge) bool {
	return edge.Arg < len(site.Common().Args) && site.Common().Args[edge.Arg] == program.Argument(site, row.Closure)
}

// onConflict tells whether the condition of retry.OnError is IsConflict itself.
func onConflict(site ssa.CallInstruction) bool {
	for _, arg := range site.Common().Args {
		if fn, ok := stripped(arg).(*ssa.Function); ok && fn.Name() == "IsConflict" {
			return true
		}
	}
	return false
}

// belowDepth bounds the calls between a function and the writes that it is said to make.
const belowDepth = 6

// WritesBelow returns the writes that fn makes, itself or in what it calls, and whether it calls what may write in ways
// that the code does not show.
func (e *Effects) WritesBelow(fn *ssa.Function) (writes []Reached, opaque bool) {
	seen := make(map[*ssa.Function]bool)
	var visit func(fn *ssa.Function, path []ssa.CallInstruction)
	visit = func(fn *ssa.Function, path []ssa.CallInstruction) {
		if seen[fn] {
			return
		}
		if seen[fn] = true; len(path) > belowDepth {
			opaque = true
			return
		}
		for site := range program.Sites(fn) {
			row := program.Model(site)
			if row != nil && row.Effect.IsWrite() {
				writes = append(writes, Reached{site, row, path})
			}
			edges := e.Program.Callees(site)
			if row == nil && len(edges) == 0 && mayWrite(site) {
				opaque = true
			}
			for _, edge := range edges {
				if edge.How != program.Starts && (row == nil || edge.Arg >= 0) {
					visit(edge.Callee, slices.Concat(path, []ssa.CallInstruction{site}))
				}
			}
		}
	}
	visit(fn, nil)
	return writes, opaque
}

// mayWrite tells whether a call that nothing is known of could send a request: it takes a context and gives an error.
func mayWrite(site ssa.CallInstruction) bool {
	sig := site.Common().Signature()
	res := sig.Results()
	if res.Len() == 0 || !isErrorType(res.At(res.Len()-1).Type()) {
		return false
	}
	for param := range sig.Params().Variables() {
		if program.IsNamed(param.Type(), "context", "Context") {
			return true
		}
	}
	return false
}

// CanConflict tells whether the server can answer a write with a conflict that a retry cures. An unlocked patch never
// meets one; the conflict of an apply, without force, is about ownership and stays.
func (e *Effects) CanConflict(w Reached) bool {
	switch w.Call.Effect {
	case kube.Create, kube.CreateSubresource:
		return false // AlreadyExists is not a conflict
	case kube.Delete, kube.DeleteCollection:
		return len(w.Site.Common().Args) > 2 && hasOptions(w)
	case kube.ReadModifyWrite:
		return w.Call.Protection != "none"
	case kube.Patch, kube.PatchStatus, kube.PatchSubresource, kube.Apply, kube.ApplyStatus, kube.ApplySubresource:
		p := e.patchOf(w.Site, w.Call)
		if p.Type == ApplyPatch {
			return !e.KnownVersionless(w.Site) || !p.Force
		}
		return p.Lock != Unlocked
	}
	return true
}

// PatchAt returns what the patch or apply at site sends; nil for other calls.
func (e *Effects) PatchAt(site ssa.CallInstruction, row *kube.Call) *Patch {
	return e.patchOf(site, row)
}

// hasOptions tells whether a call is given variadic options, which may be preconditions.
func hasOptions(w Reached) bool {
	options, known := program.Variadic(w.Site, w.Call.Options)
	return !known || len(options) > 0
}

// KnownVersionless tells whether an object is sent without a version however it comes to the write, as far as its stories
// reach back: then the server compares nothing.
func (e *Effects) KnownVersionless(write ssa.Instruction) bool {
	known := false
	for _, s := range e.Stories() {
		if s.Write.Origin == write {
			if known = true; e.CarriesVersion(s.Write) {
				return false
			}
		}
	}
	return known
}

// RetriedInLoop tells whether the code sends a write again after a conflict, in a loop that its success leaves.
func (e *Effects) RetriedInLoop(site ssa.CallInstruction) bool {
	call, ok := site.(*ssa.Call)
	return ok && e.errorUse(call).retried && !leavesOnConflict(call)
}

// leavesOnConflict tells whether a conflict of a call ends the loop that the call is in.
func leavesOnConflict(call *ssa.Call) bool {
	err := errorResult(call)
	for site := range program.Sites(call.Parent()) {
		test, ok := site.(*ssa.Call)
		if target := program.Target(site); !ok || target == nil || target.Name() != "IsConflict" || !takes(test, err) {
			continue
		}
		for _, ref := range *test.Referrers() {
			if br, ok := ref.(*ssa.If); ok && !reaches(br.Block().Succs[0], call.Block()) {
				return true
			}
		}
	}
	return false
}

// callsItselfOnConflict tells whether a function that writes is its own retry: where the error is a conflict, it calls itself.
func callsItselfOnConflict(fn *ssa.Function) bool {
	if !asksForConflict(fn) {
		return false
	}
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if ok && call.Call.StaticCallee() == fn && slices.ContainsFunc(Conditions(call.Block()), testsConflict) {
			return true
		}
	}
	return false
}

// testsConflict tells whether a branch asks if an error is a conflict.
func testsConflict(branch *ssa.If) bool {
	test, ok := branch.Cond.(*ssa.Call)
	if !ok {
		return false
	}
	row := program.Model(test)
	return row != nil && row.Effect == kube.ErrorFilter && row.Name == "IsConflict"
}

// AnswersConflict tells whether a call is made only where another one met a conflict: it is the second try.
func AnswersConflict(site ssa.CallInstruction) bool {
	return slices.ContainsFunc(Conditions(site.Block()), func(branch *ssa.If) bool {
		return testsConflict(branch) && branch.Block().Succs[0].Dominates(site.Block())
	})
}

// SameLoop tells whether two instructions of a function are repeated together.
func SameLoop(a, b ssa.Instruction) bool {
	x, y := a.Block(), b.Block()
	if a.Parent() != b.Parent() || x == nil || y == nil {
		return false
	}
	return (x == y && reaches(x, x)) || reaches(x, y) && reaches(y, x)
}
