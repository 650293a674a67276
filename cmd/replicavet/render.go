// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/report"
	"github.com/replicavet/replicavet/internal/review"
	"github.com/replicavet/replicavet/internal/rule"
	"github.com/replicavet/replicavet/internal/rules"
)

// runRender shows a stored review as the run that made it would have. Lines that were not stored with it are those of
// the current directory. The status says whether it could be shown; the verdict was that run's.
func runRender(_ context.Context, inv *invocation) int {
	if len(inv.args) != 1 {
		return inv.fatal(errors.New("render takes one file, the output of `replicavet -format json`; - is the standard input"))
	}
	if err := inv.checkFormats(); err != nil {
		return inv.fatal(err)
	}
	in := os.Stdin
	if name := inv.args[0]; name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return inv.fatal(fmt.Errorf("opening the review: %w", err))
		}
		defer f.Close()
		in = f
	}
	r, err := finding.Decode(in)
	if err != nil {
		return inv.fatal(err)
	}
	if err := inv.render(r, describe(ran(r)), report.Stored(r, sourceIn("."))); err != nil {
		return inv.fatal(err)
	}
	return review.Clean
}

// ran returns the rules that made a review, as far as this program knows them.
func ran(r *finding.Review) []*rule.Rule {
	return slices.DeleteFunc(rules.All(), func(one *rule.Rule) bool { return !slices.Contains(r.Rules, one.ID) })
}

// runSchema prints the JSON schema of a review.
func runSchema(_ context.Context, inv *invocation) int {
	return inv.print(finding.Schema())
}

// print writes text to the standard output.
func (inv *invocation) print(text string) int {
	if _, err := fmt.Fprint(inv.out, text); err != nil {
		return inv.fatal(fmt.Errorf("writing: %w", err))
	}
	return review.Clean
}
