// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var noManager = &rule.Rule{
	ID:        "ownership/no-manager",
	Title:     "an apply without a stable field manager",
	Checklist: []string{"7.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "no_manager.md"),
	Check:     checkNoManager,
}

func checkNoManager(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, c := range pass.Effects.Claims() {
		if !c.Apply || told[c.Site()] {
			continue // other writes have a default manager, which does no harm by itself
		}
		why, consequence := unstable(c.Manager)
		if why == "" {
			continue
		}
		told[c.Site()] = true
		r := report(pass, c)
		r.About = kindName(c)
		r.Severity, r.Reason = finding.High, "every run of it is concerned"
		r.Message = fmt.Sprintf("the apply of %s %s; %s", kindName(c), why, consequence)
		s := rule.NewScenario()
		a := s.Actor("replica A", runs(pass, c.Site()))
		a.Step(c.Func().Pos(), "builds the configuration", "")
		a.Step(c.Site().Pos(), "applies it; "+why, consequence)
		s.Outcome("%s", consequence)
		r.Scenario = s
		r.Fix = rule.Fix{Description: "Name a constant manager.", Sketch: pass.Words(c.Site()).Fill("$client.FieldOwner(\"$name\") // a constant", "name", managerFor(pass, c))}
		pass.Report(r)
	}
}

// unstable says what is wrong with a manager, and what comes of it; why is "" when nothing is.
func unstable(m effects.Manager) (why, consequence string) {
	const refused = "the API server refuses an apply without fieldManager"
	switch {
	case m.Unknown:
		return "", ""
	case m.Absent():
		return "names no field manager", refused
	case m.Text.Constants() && len(m.Text.Forms) == 1 && m.Text.Forms[0] == `""`:
		return "names an empty field manager", refused
	case m.Text.Unset != "":
		return "takes its field manager from " + m.Text.Unset + ", which nothing sets", refused
	}
	for _, form := range m.Text.Forms {
		for _, call := range []string{"Hostname(…)", "DefaultKubernetesUserAgent(…)"} {
			if strings.Contains(form, call) {
				return "takes its field manager from " + strings.TrimSuffix(call, "(…)"), "each replica or version is another manager: what the one before owned is never removed"
			}
		}
	}
	return "", ""
}

// managerFor is a name for the manager of a controller: that of its package.
func managerFor(pass *rule.Pass, c *effects.Claim) string {
	if pkg := pass.Program.Package(c.Func()); pkg != nil && pkg.Types.Name() != "main" {
		return pkg.Types.Name() + "-controller"
	}
	return "controller"
}
