// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/report"
	"github.com/replicavet/replicavet/internal/review"
	"github.com/replicavet/replicavet/internal/rules"
)

// findingID matches what may be the beginning of a finding's id.
var findingID = regexp.MustCompile(`^[0-9a-f]{4,32}$`)

// runExplain prints the page of a rule, the rules of a family, or all about a finding of the last review and then the page of its rule.
func runExplain(_ context.Context, inv *invocation) int {
	if len(inv.args) != 1 {
		return inv.fatal(errors.New("explain takes one rule, such as rmw/unlocked-patch, a family, such as rmw, or the id of a finding; `replicavet rules` lists the rules"))
	}
	name := inv.args[0]
	if r := rules.Find(name); r != nil {
		return inv.print(r.Doc)
	}
	if family := rules.Family(name); len(family) > 0 {
		return inv.print(ruleTable(family))
	}
	if !findingID.MatchString(name) {
		return inv.fatal(fmt.Errorf("unknown rule %q; `replicavet rules` lists them", name))
	}
	last, f, err := review.Recall(inv.store(), inv.dir, name)
	if err != nil {
		return inv.fatal(err)
	}
	if status := inv.tellFinding(last, f); status != review.Clean {
		return status
	}
	if r := rules.Find(f.Rule); r != nil {
		return inv.print("\n" + r.Doc)
	}
	return review.Clean
}

// tellFinding prints all there is to say about one finding of a review.
func (inv *invocation) tellFinding(all *finding.Review, f *finding.Finding) int {
	one := *f
	one.Suppressed = nil // the reader asked for it
	color, err := colored("auto", inv.out)
	if err != nil {
		return inv.fatal(err)
	}
	o := report.Options{Verbose: true, Color: color, Width: columns(inv.out), Source: sourceIn(inv.dir)}
	if err := report.Explain(inv.out, &one, all.Tool, o); err != nil {
		return inv.fatal(fmt.Errorf("writing: %w", err))
	}
	if f.Suppressed != nil {
		return inv.print(fmt.Sprintf("  suppressed by %s: %s\n", f.Suppressed.Kind, f.Suppressed.Reason))
	}
	return review.Clean
}
