// SPDX-License-Identifier: Apache-2.0

package finding

// few is how many findings of one cause are still told one by one.
const few = 2

// Group is a finding and those that are like it.
type Group struct {
	*Finding
	// Like are the others of the same rule, severity and cause, in the order of the review; most groups have none.
	Like []*Finding
}

// Groups returns the findings that nobody silenced, in the order of the review, where those of one cause come together
// with the first of them. One or two are told as they are.
func (r *Review) Groups() []Group {
	type cause struct {
		rule, name string
		severity   Severity
	}
	of := func(f *Finding) cause { return cause{f.Rule, f.Cause, f.Severity} }
	size := make(map[cause]int)
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Suppressed == nil && f.Cause != "" {
			size[of(f)]++
		}
	}
	var out []Group
	first := make(map[cause]int)
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Suppressed != nil {
			continue
		}
		if at, ok := first[of(f)]; ok {
			out[at].Like = append(out[at].Like, f)
			continue
		}
		if size[of(f)] > few {
			first[of(f)] = len(out)
		}
		out = append(out, Group{Finding: f})
	}
	return out
}
