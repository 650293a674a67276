// SPDX-License-Identifier: Apache-2.0

package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/rule"
	"github.com/replicavet/replicavet/internal/rules"
)

// Choose selects rules by a comma-separated list of rules and families: "rmw,clock/zone" runs those only, "-clock" runs
// all but these. An empty list means all rules that are on by default; strict adds those that are noisy by nature, and
// naming a strict rule switches it on. The configuration, which may be nil, decides what is on by default and in a
// family; the list outranks it. The error says what is not known.
func Choose(list string, strict bool, c *Config) ([]*rule.Rule, error) {
	all := rules.All()
	on := make(map[string]bool)
	words := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	if len(words) == 0 || strings.HasPrefix(words[0], "-") {
		for _, r := range all {
			on[r.ID] = c.enabled(r, strict)
		}
	}
	for _, word := range words {
		name, off := strings.CutPrefix(word, "-")
		name = strings.TrimSuffix(name, "/*")
		known := false
		for _, r := range all {
			if name != r.ID && name != r.Family() {
				continue
			}
			known = true
			if off || name == r.ID || c.enabled(r, strict) {
				on[r.ID] = !off
			}
		}
		if !known {
			return nil, fmt.Errorf("unknown rule %q: name a rule or a family (%s); `replicavet rules` lists them",
				name, strings.Join(families(all), ", "))
		}
	}
	return slices.DeleteFunc(all, func(r *rule.Rule) bool { return !on[r.ID] }), nil
}

func families(all []*rule.Rule) []string {
	var out []string
	for _, r := range all {
		if !slices.Contains(out, r.Family()) {
			out = append(out, r.Family())
		}
	}
	return out
}
