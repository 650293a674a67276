// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"cmp"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ErrorFateKind is what becomes of the error of a call.
type ErrorFateKind int

// The fates of an error, the worst first.
const (
	// ErrorDropped: nobody looks at it, or it is logged and the work goes on as if it were done.
	ErrorDropped ErrorFateKind = iota
	// ErrorSurfaced: who asked gets an error; nothing tries again.
	ErrorSurfaced
	// ErrorTested: the code tells a conflict from other errors.
	ErrorTested
	// ErrorRequeued: the framework calls again.
	ErrorRequeued
	// ErrorRetried: a loop, or a library, runs the write again.
	ErrorRetried
	// ErrorFateUnknown: the error goes where the code does not show.
	ErrorFateUnknown
)

// ErrorFate is one end of the way of an error.
type ErrorFate struct {
	Kind ErrorFateKind
	// Func is the function where it ends, At the instruction that decides it.
	Func *ssa.Function
	At   ssa.Instruction
	// Entry is the entry point that got the error, for ErrorSurfaced and ErrorRequeued.
	Entry *program.Entry
	// PassedOver is set when the code asks whether it is a conflict, and then goes on as if there were no error.
	PassedOver bool
	// Path are the calls from Func down to the one that gave the error.
	Path []ssa.CallInstruction
}

// errorFateDepth bounds the callers that an error is followed through.
const errorFateDepth = 8

// ErrorFates follows the error of a call to where it ends, up through the callers, and returns the ends, the worst first.
func (e *Effects) ErrorFates(site ssa.CallInstruction) []ErrorFate {
	w := &errorFateWalk{e: e, seen: make(map[ssa.CallInstruction]bool)}
	w.site(site, nil)
	slices.SortStableFunc(w.out, func(a, b ErrorFate) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(e.Program.SortKey(position(a.At)), e.Program.SortKey(position(b.At))))
	})
	return w.out
}

type errorFateWalk struct {
	e    *Effects
	seen map[ssa.CallInstruction]bool
	out  []ErrorFate
}

func (w *errorFateWalk) end(kind ErrorFateKind, at ssa.Instruction, path []ssa.CallInstruction, en *program.Entry) {
	w.out = append(w.out, ErrorFate{Kind: kind, Func: at.Parent(), At: at, Entry: en, Path: path})
}

// site follows the error that a call gives in its function.
func (w *errorFateWalk) site(site ssa.CallInstruction, below []ssa.CallInstruction) {
	if w.seen[site] {
		return
	}
	w.seen[site] = true
	path := slices.Concat([]ssa.CallInstruction{site}, below)
	if len(path) > errorFateDepth {
		w.end(ErrorFateUnknown, site, path, nil)
		return
	}
	call, ok := site.(*ssa.Call)
	if !ok { // go and defer drop what they get
		w.end(ErrorDropped, site, path, nil)
		return
	}
	use := w.e.errorUse(call)
	switch {
	case !use.tested && !use.retried && !use.returned && !use.requeued && w.e.failsAnyway(call):
		w.callers(site, path) // who called gets another error
	case use.dropped && !use.tested && !use.retried:
		w.out = append(w.out, ErrorFate{Kind: ErrorDropped, Func: site.Parent(), At: site, Path: path, PassedOver: true})
	case use.tested:
		w.end(ErrorTested, site, path, nil)
	case use.retried:
		w.end(ErrorRetried, site, path, nil)
	case use.returned:
		w.callers(site, path)
	case use.requeued:
		w.end(ErrorRequeued, site, path, nil)
	case use.escaped:
		w.end(ErrorFateUnknown, site, path, nil)
	default:
		w.end(ErrorDropped, site, path, nil)
	}
}

// callers follows an error that the function of site returns.
func (w *errorFateWalk) callers(site ssa.CallInstruction, path []ssa.CallInstruction) {
	fn := site.Parent()
	if en := w.e.entryOf(fn); en != nil {
		kind := ErrorSurfaced
		if en.Requeues {
			kind = ErrorRequeued
		}
		w.end(kind, site, path, en)
		return
	}
	edges := w.e.Program.Callers(fn)
	if len(edges) == 0 {
		w.end(ErrorFateUnknown, site, path, nil)
	}
	for _, edge := range edges {
		if w.e.Program.InTest(edge.Caller()) {
			continue
		}
		row := program.Model(edge.Site)
		switch {
		case edge.Arg >= 0 && row != nil && (row.Effect == kube.RetryOnConflict || row.Effect == kube.Block):
			w.end(ErrorRetried, edge.Site, path, nil)
		case edge.Arg >= 0 && edge.How == program.Starts:
			w.end(ErrorFateUnknown, edge.Site, path, nil) // a group of goroutines keeps it
		default:
			w.site(edge.Site, path)
		}
	}
}

func (e *Effects) entryOf(fn *ssa.Function) *program.Entry {
	for _, en := range e.Program.Entries {
		if en.Func == fn {
			return en
		}
	}
	return nil
}
