// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/replicavet/replicavet/internal/review"
)

// runBaseline keeps the file of known findings: write makes it from what is found now, prune drops what is not found
// any more, show tells what is in it.
func runBaseline(ctx context.Context, inv *invocation) int {
	o, r, clock, err := inv.find(ctx, func(*order) {})
	if err != nil {
		return inv.fatal(err)
	}
	clock.end()
	for _, e := range r.Errors {
		fmt.Fprintf(inv.errs, "not reviewed: %s %s\n", e.Package, e.Message)
	}
	if len(r.Errors) > 0 && !inv.keepGoing {
		return inv.fatal(fmt.Errorf("the review is not complete, so nothing is known for certain: mend that first, or say -keep-going"))
	}
	if inv.verb == "write" {
		b := review.NewBaseline(r)
		return inv.writeBaseline(o.baselineFile, b, fmt.Sprintf("%d known", len(b.Findings)))
	}
	if o.Baseline == nil {
		return inv.fatal(fmt.Errorf("there is no %s: make it with `replicavet baseline write`", o.baselineFile))
	}
	there, gone := o.Baseline.Split(r)
	if inv.verb == "prune" {
		return inv.writeBaseline(o.baselineFile, there, fmt.Sprintf("%d known, %d removed", len(there.Findings), len(gone.Findings)))
	}
	for _, part := range []struct {
		word string
		of   *review.Baseline
	}{{"found", there}, {"gone", gone}} {
		for _, k := range part.of.Findings {
			if status := inv.print(fmt.Sprintf("%-5s %s %s in %s\n", part.word, k.Fingerprint[:min(10, len(k.Fingerprint))], k.Rule, k.Function)); status != review.Clean {
				return status
			}
		}
	}
	return review.Clean
}

// writeBaseline replaces the file as a whole, and says what is in it.
func (inv *invocation) writeBaseline(file string, b *review.Baseline, what string) int {
	data, err := b.Encode()
	if err != nil {
		return inv.fatal(err)
	}
	if err := replaceFile(file, data); err != nil {
		return inv.fatal(fmt.Errorf("writing the baseline: %w", err))
	}
	fmt.Fprintf(inv.errs, "%s: %s\n", file, what)
	return review.Clean
}
