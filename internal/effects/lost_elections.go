// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LostElection is an election that a process stands for once: after a lost lease it goes on without ever leading again.
type LostElection struct {
	// Run is the call that runs the election, Started the go statement that leads to it.
	Run, Started ssa.CallInstruction
}

// LostElections returns them in source order. RunOrDie and Run return when the lease is lost
// (k8s.io/client-go/tools/leaderelection): whoever calls them in a goroutine has to run them again, or to end the process.
func (e *Effects) LostElections() []LostElection {
	var out []LostElection
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			row := program.Model(site)
			if row == nil || row.Pkg != "k8s.io/client-go/tools/leaderelection" || row.Name != "RunOrDie" && row.Name != "Run" {
				continue
			}
			if started := e.endsQuietly(site, 0); started != nil && !e.stoppedIsHeard(site) {
				out = append(out, LostElection{Run: site, Started: started})
			}
		}
	}
	return out
}

// quietDepth bounds the callers up to the go statement.
const quietDepth = 5

// endsQuietly returns the go statement of the goroutine that ends, with nobody told, once a call returns; nil if the call is made
// again, somebody is told, or it is not certain that a goroutine makes it.
func (e *Effects) endsQuietly(site ssa.CallInstruction, depth int) ssa.CallInstruction {
	if InLoop(site) || depth > quietDepth {
		return nil
	}
	if _, started := site.(*ssa.Go); started {
		return site
	}
	if e.tellsAfter(site) {
		return nil
	}
	var found ssa.CallInstruction
	for _, edge := range e.Program.Callers(site.Parent()) {
		if e.Program.InTest(edge.Caller()) {
			continue
		}
		_, started := edge.Site.(*ssa.Go)
		if edge.How == program.Starts && !started || edge.Arg >= 0 {
			return nil // a library starts it, and may do so again
		}
		if found = e.endsQuietly(edge.Site, depth+1); found == nil {
			return nil
		}
	}
	return found
}

// tellsAfter tells whether a function does something behind a call, or when it returns, by which others may notice.
func (e *Effects) tellsAfter(site ssa.CallInstruction) bool {
	for _, b := range site.Parent().Blocks {
		for _, instr := range b.Instrs {
			_, deferred := instr.(*ssa.Defer)
			if (deferred || MayPrecede(site, instr)) && e.tells(instr, 0) {
				return true
			}
		}
	}
	return false
}

// tells tells whether an instruction ends the process, a context or a wait, or sends or stores something.
func (e *Effects) tells(instr ssa.Instruction, depth int) bool {
	switch x := instr.(type) {
	case *ssa.Panic:
		return x.Pos().IsValid()
	case *ssa.Send:
		return true
	case *ssa.Select:
		return slices.ContainsFunc(x.States, func(s *ssa.SelectState) bool { return s.Send != nil })
	case ssa.CallInstruction:
		common := x.Common()
		if b, ok := common.Value.(*ssa.Builtin); ok {
			return b.Name() == "close"
		}
		target := program.Target(x)
		if target == nil { // a function value, such as that which cancels a context
			return common.StaticCallee() == nil || e.anyTells(common.StaticCallee(), depth)
		}
		if ends := []string{"Exit", "Kill", "Done", "Goexit", "Signal", "Broadcast"}; slices.Contains(ends, target.Name()) || strings.HasPrefix(target.Name(), "Fatal") || strings.HasPrefix(target.Name(), "Panic") {
			return true
		}
		return slices.ContainsFunc(e.Program.Static(x), func(callee *ssa.Function) bool { return e.anyTells(callee, depth) })
	}
	return false
}

func (e *Effects) anyTells(fn *ssa.Function, depth int) bool {
	if depth > 3 {
		return true
	}
	for _, b := range fn.Blocks {
		if slices.ContainsFunc(b.Instrs, func(instr ssa.Instruction) bool { return e.tells(instr, depth+1) }) {
			return true
		}
	}
	return false
}

// stoppedIsHeard tells whether the callback for a lost lease may do something about it: end the process, or stand for election again.
// Where it stands elsewhere, all of the program are asked.
func (e *Effects) stoppedIsHeard(run ssa.CallInstruction) bool {
	var here, all []*ssa.Function
	for _, entry := range e.Program.Entries {
		if !strings.Contains(entry.Because, "OnStoppedLeading") || e.Program.InTest(entry.Func) {
			continue
		}
		all = append(all, entry.Func)
		if outermost(entry.Func) == outermost(run.Parent()) {
			here = append(here, entry.Func)
		}
	}
	if len(here) == 0 {
		here = all
	}
	return len(here) == 0 || slices.ContainsFunc(here, func(fn *ssa.Function) bool {
		return e.anyTells(fn, 0) || e.Reach(fn)[run.Parent()]
	})
}
