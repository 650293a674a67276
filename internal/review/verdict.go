// SPDX-License-Identifier: Apache-2.0

package review

import "github.com/replicavet/replicavet/internal/finding"

// The exit statuses, the same in every format.
const (
	// Clean: the review is complete and nothing reaches the threshold.
	Clean = 0
	// Found: something reaches the threshold.
	Found = 1
	// Incomplete: something was not reviewed. It outranks Found: quiet is never clean.
	Incomplete = 2
)

// Verdict decides the exit status of a review. A zero threshold means that no finding fails the run, keepGoing that what
// was not reviewed does not; it is told all the same.
func Verdict(r *finding.Review, threshold finding.Severity, keepGoing bool) int {
	if len(r.Errors) > 0 && !keepGoing {
		return Incomplete
	}
	for _, f := range r.Findings {
		if threshold > 0 && f.Suppressed == nil && f.Severity >= threshold {
			return Found
		}
	}
	return Clean
}
