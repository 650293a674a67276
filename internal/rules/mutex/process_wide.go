// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"cmp"
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// ProcessWide reports state of the whole process that each of several goroutines sets for itself.
var ProcessWide = &rule.Rule{
	ID:        "mutex/process-wide",
	Title:     "the working directory, the environment or the umask is set by goroutines that can meet",
	Checklist: []string{"4.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "process_wide.md"),
	Check:     processWide,
}

func processWide(p *rule.Pass) {
	for _, w := range p.Effects.Memory().ProcessWides() {
		if p.Watched(w.Site.Parent()) {
			tellProcessWide(p, w)
		}
	}
}

func tellProcessWide(p *rule.Pass, w memory.ProcessWide) {
	fn, call := w.Site.Parent(), effects.Describe(w.Site)
	name := program.Name(fn)
	reason := "each works in the place of the other"
	if w.Root.Because != "" {
		reason = w.Root.Because
	}
	s := rule.NewScenario()
	one, two := w.Root.String()+" (1)", w.Root.String()+" (2)"
	first, second := s.Actor(one, "runs "+name), s.Actor(two, "runs "+name+" too")
	first.Step(siteOf(w.Site), "sets "+w.What+" with "+call, "it is that of the whole process")
	second.Step(siteOf(w.Site), "sets "+w.What+" with "+call, "at the same time, to something else")
	first.Step(siteOf(w.Site), "goes on", w.What+" is that of the other")
	s.Outcome("%s works with %s that the other one has set", one, w.What)
	where, proof := domain(p, w.Site)
	p.Report(rule.Report{
		Func: fn, Pos: siteOf(w.Site), About: call, Severity: finding.High, Reason: reason,
		Message: fmt.Sprintf("%s sets %s of the whole process, and %s can run twice at once; the one then works with what the other has set", call, w.What, name),
		Domain:  where, Proof: proof, Scenario: s,
		Fix: rule.Fix{
			Description: "leave the process as it is, and say what is meant where it is used",
			Sketch:      processSketch(p, w.Site),
		},
	})
}

// processSketch says for one command what the call says for the process.
func processSketch(p *rule.Pass, site ssa.CallInstruction) string {
	w := p.Words(site)
	if target := program.Target(site); target != nil && target.Name() == "Chdir" {
		return w.Fill("cmd.Dir = $dir // cmd: what is run there; for files: filepath.Join($dir, name), name: the file", "dir", cmp.Or(w.Only(), "dir"))
	}
	return w.Fill("cmd.Env = append(os.Environ(), \"KEY=value\") // cmd: what is to see it, in place of $call")
}
