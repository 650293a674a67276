// SPDX-License-Identifier: Apache-2.0

package finding

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGroups(t *testing.T) {
	one := func(id, rule, cause string, s Severity) Finding {
		return Finding{ID: id, Rule: rule, Cause: cause, Severity: s}
	}
	silenced := one("silenced", "a/b", "habit", Medium)
	silenced.Suppressed = &Suppression{Kind: "baseline"}
	r := &Review{Findings: []Finding{
		one("high", "a/b", "habit", High),
		one("first", "a/b", "habit", Medium),
		one("alone", "a/b", "", Medium),
		silenced,
		one("second", "a/b", "habit", Medium),
		one("other", "c/d", "habit", Medium),
		one("third", "a/b", "habit", Medium),
		one("alone too", "a/b", "", Medium),
		one("other too", "c/d", "habit", Medium),
	}}
	var got [][]string
	for _, g := range r.Groups() {
		ids := []string{g.ID}
		for _, f := range g.Like {
			ids = append(ids, f.ID)
		}
		got = append(got, ids)
	}
	want := [][]string{{"high"}, {"first", "second", "third"}, {"alone"}, {"other"}, {"alone too"}, {"other too"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}
