// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var zeroBackoff = &rule.Rule{
	ID:        "clock/zero-backoff",
	Title:     "a back-off is written down without what makes it one",
	Checklist: []string{"8.2"},
	Severity:  finding.High,
	Needs:     rule.Function,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "zero_backoff.md"),
	Check:     checkZeroBackoff,
}

func checkZeroBackoff(pass *rule.Pass) {
	for _, z := range pass.Effects.ZeroBackoffs() {
		if pass.Reviewed(z.Literal.Parent()) {
			reportZeroBackoff(pass, z)
		}
	}
}

// zeroed is what a missing field does: what happens, how bad that is and why, and what to write.
var zeroed = map[string]struct {
	does     string
	severity finding.Severity
	reason   string
	sketch   string
}{
	"ConnectParams.Backoff": {"the back-off of gRPC is replaced by one of zero, and a connection that fails is tried again without a pause", finding.Medium, "it needs a server that is away", "grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: 20 * time.Second}"},
	"Backoff.Steps":         {"it allows no attempt at all: the function is never called", finding.High, "it is the same each time", "wait.Backoff{Steps: 5, Duration: 10 * time.Millisecond, Factor: 2}"},
	"Backoff.Duration":      {"there is no pause between the attempts", finding.Medium, "the attempts are over before anything can have changed", "wait.Backoff{Steps: 5, Duration: 10 * time.Millisecond, Factor: 2}"},
}

func reportZeroBackoff(pass *rule.Pass, z effects.ZeroBackoff) {
	fn, name := z.Literal.Parent(), z.Type+"."+z.Field
	where := pass.Where(fn)
	what := zeroed[name]
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(z.Literal.Pos(), "writes a "+z.Type+" without "+z.Field, z.Field+" is zero")
	a.Step(z.Use.Pos(), "gives it to "+program.Target(z.Use).Name(), "")
	s.Outcome("%s", what.does)
	pass.Report(rule.Report{
		Func: fn, Pos: effects.Position(z.Literal), Severity: what.severity, Reason: what.reason,
		Message: fmt.Sprintf("%s gives %s a %s without %s: %s", program.Name(fn), program.Target(z.Use).Name(), z.Type, z.Field, what.does),
		About:   "zero " + name, Domain: where.Domain, Proof: where.Proof,
		Scenario: s,
		Fix:      rule.Fix{Description: "Set " + z.Field + ".", Sketch: what.sketch},
	})
}
