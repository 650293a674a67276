// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// ownMutex reports a lock of one process around what all replicas do to an API object.
var ownMutex = &rule.Rule{
	ID:        "rmw/own-mutex",
	Title:     "a lock of one process around what every replica does",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "own_mutex.md"),
	Check:     checkOwnMutex,
}

// falseShelter is a read and a write that only goroutines of one process are kept from interleaving.
type falseShelter struct {
	by       *effects.Exclusion
	story    *effects.Story
	read     token.Pos
	severity finding.Severity
	reason   string
	proof    *program.Proof
}

func checkOwnMutex(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, s := range pass.Effects.Stories() {
		if f := shelters(pass, s); f != nil && !told[f.by.Acquire] {
			told[f.by.Acquire] = true
			reportShelter(pass, f)
		}
	}
}

// shelters finds the exclusion around read and write, or look and create, of a story that every replica can run.
func shelters(pass *rule.Pass, s *effects.Story) *falseShelter {
	domain, proof := running(s)
	if domain != program.EveryReplica || !reviewed(pass, s) {
		return nil // one replica at a time: its lock is enough
	}
	f := &falseShelter{story: s, proof: proof}
	if d := doubleCreate(pass, s); d != nil {
		f.by = around(pass, d.look.Branch, s.Write.Origin)
		f.read, f.severity, f.reason = d.look.Read.Pos(), finding.High, "nothing refuses the second create"
		return f.found()
	}
	reads := s.Reads()
	if len(reads) == 0 {
		return nil
	}
	read := reads[len(reads)-1]
	f.read = read.Pos()
	switch {
	case unlockedMerge(s.Write):
		if _, ok := weigh(pass, s); !ok {
			return nil // nothing to lose: the other writer sends the same
		}
		f.severity, f.reason = finding.High, "the patch carries no version that the server could compare"
	case isUpdate(s.Write) && pass.Strict:
		f.severity, f.reason = finding.Medium, "the update at least answers 409"
	default:
		return nil // the server refuses the second write
	}
	f.by = around(pass, read.At, s.Write.At)
	return f.found()
}

func (f *falseShelter) found() *falseShelter {
	if f.by == nil {
		return nil
	}
	return f
}

// around returns what excludes other goroutines from both instructions; where they stand in two functions, from the
// second, whose callers hold it for both.
func around(pass *rule.Pass, first, second ssa.Instruction) *effects.Exclusion {
	if first.Parent() == second.Parent() {
		return pass.Effects.Excluding(first, second)
	}
	x := pass.Effects.Excluding(second)
	if x != nil && pass.Effects.Excluding(first) == nil {
		return nil // taken after the look
	}
	return x
}

func isUpdate(w *effects.Event) bool {
	return w.Call.Effect == kube.Update || w.Call.Effect == kube.UpdateStatus
}

func reportShelter(pass *rule.Pass, f *falseShelter) {
	s, kind, does := f.story, kindName(f.story), verb(f.story.Write)
	lock := exclusionName(pass, f.by)
	pass.Report(rule.Report{
		Func: f.by.Acquire.Parent(), Pos: pass.Program.Start(f.by.Acquire),
		Severity: f.severity, Reason: f.reason,
		Message: fmt.Sprintf("%s keeps goroutines of this process apart between the read and the %s of a %s; every replica runs this, and it excludes nobody on another one",
			lock, does, kind),
		About:  "exclusion around " + kind,
		Domain: program.EveryReplica, Proof: f.proof,
		Related: []rule.Related{
			{Func: s.Func, Pos: f.read, Message: "reads the " + kind},
			{Func: s.Write.Func(), Pos: s.Write.Pos(), Message: does + " of the " + kind},
		},
		Scenario: twoProcesses(f, lock, kind, does),
		Fix: rule.Fix{
			Description: "let the API server decide between replicas: a fixed name for a create, the resourceVersion for a change",
			Sketch:      shelterSketch(pass, f),
		},
	})
}

// exclusionName is the lock as the code spells it.
func exclusionName(pass *rule.Pass, x *effects.Exclusion) string {
	if call := pass.Program.CallExpr(x.Acquire); call != nil {
		return fmt.Sprintf("the %s (%s)", x.What, types.ExprString(call.Fun))
	}
	return "the " + x.What
}

func twoProcesses(f *falseShelter, lock, kind, does string) *rule.Scenario {
	s := rule.NewScenario()
	what := runs(f.proof, program.Name(f.story.Func))
	a, b := s.Actor("replica A", what), s.Actor("replica B", what)
	take, write := f.by.Acquire.Pos(), f.story.Write.Pos()
	a.Step(take, "takes "+lock+" of its own process", "A is alone in process A")
	b.Step(take, "takes "+lock+" of its own process", "B is alone in process B")
	a.Step(f.read, "reads the "+kind, "as it was")
	b.Step(f.read, "reads the "+kind, "as it was: the same answer")
	a.Step(write, "sends the "+does, "A's "+kind+" is stored")
	if f.story.Write.Call.Effect == kube.Create {
		b.Step(write, "sends the "+does, "B's is stored too, under another name")
		s.Outcome("there are two %s objects where the lock was to allow one", kind)
		return s
	}
	b.Step(write, "sends the "+does, "B's is stored over A's")
	s.Outcome("what replica A wrote to the %s is lost, although both held the lock", kind)
	return s
}

func shelterSketch(pass *rule.Pass, f *falseShelter) string {
	if f.story.Write.Call.Effect == kube.Create {
		return pass.Words(f.story.Write.Origin).Fill("$obj.Name = name // name: the same for the same request\nif err := $call; $apierrors.IsAlreadyExists(err) {\n\t// the other replica was first\n}")
	}
	return tryAgain(pass.Words(f.story.Write.Origin))
}
