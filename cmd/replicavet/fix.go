// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/fix"
	"github.com/replicavet/replicavet/internal/review"
	"github.com/replicavet/replicavet/internal/rules"
)

// runFix makes the edits that are certain, or shows them. It exits with 1 when -diff shows some, and with 2 when
// something was not reviewed.
func runFix(ctx context.Context, inv *invocation) int {
	names, packages := splitRules(inv.args)
	inv.args = packages
	o, err := inv.order()
	if err != nil {
		return inv.fatal(err)
	}
	clock := inv.newPhases()
	o.Progress = clock.begin
	done, err := review.Fix(ctx, o.Options, review.FixOptions{Dirty: inv.dirty, Want: func(f *finding.Finding) bool {
		family, _, _ := strings.Cut(f.Rule, "/")
		return f.Severity >= o.show && (len(names) == 0 || slices.Contains(names, f.Rule) || slices.Contains(names, family))
	}})
	clock.end()
	if err != nil {
		return inv.fatal(err)
	}
	for _, e := range done.Errors {
		fmt.Fprintf(inv.errs, "not reviewed: %s\n", e.Message)
	}
	for _, s := range done.Skipped {
		fmt.Fprintf(inv.errs, "not fixed: %s: %s\n", s.ID, s.Reason)
	}
	status := review.Clean
	if inv.diff {
		if status = inv.print(fix.Unified(done.Changes)); status == review.Clean && len(done.Changes) > 0 {
			status = review.Found
		}
	} else if err := inv.writeFixes(done); err != nil {
		return inv.fatal(err)
	}
	if len(done.Errors) > 0 && !inv.keepGoing {
		status = review.Incomplete
	}
	return status
}

func (inv *invocation) writeFixes(done *review.Fixes) error {
	if err := fix.Write(inv.dir, done.Changes); err != nil {
		return err
	}
	for _, f := range done.Fixed {
		fmt.Fprintf(inv.errs, "fixed %s:%d: %s: %s\n", f.File, f.Line, f.Rule, f.Fix.Description)
	}
	fmt.Fprintf(inv.errs, "%d fixed in %d files\n", len(done.Fixed), len(done.Changes))
	return nil
}

// splitRules divides the arguments of fix into rules and families, which are known by name, and packages.
func splitRules(args []string) (names, packages []string) {
	for _, arg := range args {
		isRule := false
		for _, r := range rules.All() {
			isRule = isRule || arg == r.ID || arg == r.Family()
		}
		if isRule {
			names = append(names, arg)
		} else {
			packages = append(packages, arg)
		}
	}
	return names, packages
}
