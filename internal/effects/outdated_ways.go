// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"golang.org/x/tools/go/ssa"
)

// errs tells whether the function that makes a request, or leads to it, returns an error whenever it has been made: the request
// stores a failure that is returned as well.
func (e *Effects) errs(use versionUse) bool {
	if e.errsAfter(use.at) {
		return true
	}
	call, ok := use.at.(*ssa.Call)
	if !use.failed || !ok {
		return false
	}
	failure := e.FailureBlocks(call)
	return len(failure) > 0 && !slices.ContainsFunc(failure, func(b *ssa.BasicBlock) bool {
		return len(b.Instrs) > 0 && !e.errsAfter(b.Instrs[0])
	})
}

// endsFailed tells whether the code asks for the error of a call, and does not come to an instruction when there is one.
func (e *Effects) endsFailed(call *ssa.Call, at ssa.Instruction) bool {
	failure := e.FailureBlocks(call)
	return len(failure) > 0 && !slices.ContainsFunc(failure, func(b *ssa.BasicBlock) bool { return b == at.Block() || reaches(b, at.Block()) })
}

// stillNames tells whether what a later call is given can be the object of an earlier one, on a way that comes over the earlier one:
// a variable that has got the answer there, and keeps the old object on other ways only, cannot.
func (e *Effects) stillNames(fn *ssa.Function, first, second versionUse) bool {
	site, ok := second.at.(ssa.CallInstruction)
	if !ok {
		return true
	}
	names := func(v ssa.Value) bool {
		return slices.ContainsFunc(e.Places(fn, v), func(p Place) bool {
			return e.copiedFrom(fn, Object{p.Root, concat(p.Base, p.Path)}, first)
		})
	}
	given := false
	for _, arg := range site.Common().Args {
		if !names(arg) {
			continue
		}
		given = true
		if slices.ContainsFunc(comingFrom(first.at, arg), names) {
			return true
		}
	}
	return !given
}

// copiedFrom tells whether an object is the one of a request, or was copied from it, itself or over other copies; not over the
// one that the answer went to, nor over what the call gives to go on with.
func (e *Effects) copiedFrom(fn *ssa.Function, o Object, use versionUse) bool {
	same := []Object{o}
	for i := 0; i < len(same) && i < 12; i++ {
		if same[i] == use.object {
			return true
		}
		if use.at == use.write.Origin && use.write.Call.WritesInto >= 0 && same[i] == use.write.Object || isResultOf(same[i].Root, use.at) {
			continue
		}
		for _, ev := range e.Events(fn) {
			if ev.Kind != Copy || ev.Object != same[i] {
				continue
			}
			if from := (Object{ev.From.Root, concat(ev.From.Base, ev.From.Path)}); !contains(same, from) {
				same = append(same, from)
			}
		}
	}
	return false
}

// isResultOf tells whether a value is a result of a call.
func isResultOf(v ssa.Value, at ssa.Instruction) bool {
	call, ok := at.(*ssa.Call)
	ex, extracted := v.(*ssa.Extract)
	return ok && (v == call || extracted && ex.Tuple == call)
}

// comingFrom returns what a value can be on ways that have come over an instruction.
func comingFrom(at ssa.Instruction, v ssa.Value) []ssa.Value {
	var out []ssa.Value
	seen := make(map[ssa.Value]bool)
	var walk func(v ssa.Value)
	walk = func(v ssa.Value) {
		v = stripped(v)
		if seen[v] {
			return
		}
		seen[v] = true
		phi, ok := v.(*ssa.Phi)
		if !ok || phi.Block() == at.Block() {
			out = append(out, v)
			return
		}
		for i, edge := range phi.Edges {
			if from := phi.Block().Preds[i]; from == at.Block() || reaches(at.Block(), from) {
				walk(edge)
			}
		}
	}
	walk(v)
	return out
}
