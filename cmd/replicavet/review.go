// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/report"
	"github.com/replicavet/replicavet/internal/review"
	"github.com/replicavet/replicavet/internal/rule"
)

func runReview(ctx context.Context, inv *invocation) int {
	return inv.review(ctx, func(o *order) {
		for _, out := range append(inv.outputs, output{format: report.Format{Name: inv.format}}) {
			if name := out.format.Name; name == "html" || name == "json" { // the page has room for them
				o.Map, o.Ledger = true, true
			}
		}
	})
}

// runMap shows the entry points, and no findings.
func runMap(ctx context.Context, inv *invocation) int {
	return inv.review(ctx, func(o *order) { o.Map, o.Rules = true, nil })
}

// runWrites shows the writes to the API, and no findings.
func runWrites(ctx context.Context, inv *invocation) int {
	return inv.review(ctx, func(o *order) { o.Ledger, o.Rules = true, nil })
}

// review runs a review as adapt changes it, and shows it.
func (inv *invocation) review(ctx context.Context, adapt func(*order)) int {
	o, r, clock, err := inv.find(ctx, adapt)
	if err != nil {
		return inv.fatal(err)
	}
	status := review.Verdict(r, o.fail, inv.keepGoing)
	r.Findings = atLeast(r.Findings, o.show)
	clock.begin("report")
	clock.quiet()
	err = inv.render(r, describe(o.Rules), sourceIn(inv.dir))
	clock.end()
	if err != nil {
		return inv.fatal(err)
	}
	return status
}

// find runs a review. The clock that is returned is still running.
func (inv *invocation) find(ctx context.Context, adapt func(*order)) (*order, *finding.Review, *phases, error) {
	if err := inv.checkFormats(); err != nil {
		return nil, nil, nil, err
	}
	o, err := inv.order()
	if err != nil {
		return nil, nil, nil, err
	}
	adapt(o)
	clock := inv.newPhases()
	o.Progress = clock.begin
	r, err := review.Run(ctx, o.Options)
	if err != nil {
		clock.end()
		return nil, nil, nil, err
	}
	return o, r, clock, nil
}

// sourceIn returns what reads files below a directory, by the names that findings use. It follows no name that leads
// out of it.
func sourceIn(dir string) func(file string) ([]byte, error) {
	return func(file string) ([]byte, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, fmt.Errorf("opening the directory under review: %w", err)
		}
		defer root.Close()
		return root.ReadFile(file)
	}
}

func atLeast(all []finding.Finding, least finding.Severity) []finding.Finding {
	kept := []finding.Finding{}
	for _, f := range all {
		if f.Severity >= least {
			kept = append(kept, f)
		}
	}
	return kept
}

// describe tells the reports about rules.
func describe(chosen []*rule.Rule) []report.Rule {
	out := make([]report.Rule, len(chosen))
	for i, r := range chosen {
		out[i] = report.Rule{ID: r.ID, Title: r.Title, Section: r.Section(), Page: r.Doc,
			Severity: r.Severity, Checklist: r.Checklist, Strict: r.Strict}
	}
	return out
}
