// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// programOnly tells whether the reader asked for what the program is, and no rule for what is wrong with it.
func programOnly(r *finding.Review) bool { return r.Stats.Rules == 0 && len(r.Findings) == 0 }

// entries lists the entry points: the domain, the name and the place, and below them why.
func (t *textPage) entries(rows []finding.MapEntry) {
	for _, e := range rows {
		fmt.Fprintf(t, "%s %s %s\n", t.in(cyan, fmt.Sprintf("%-13s", plain(e.Domain))), t.in(bold, plain(e.Entry)),
			t.in(dim, position(e.File, e.Line, 0)))
		for _, step := range e.Because {
			t.paragraph("    ", "    ", plain(step))
		}
	}
	if len(rows) > 0 {
		t.WriteByte('\n')
	}
}

// writes lists the writes to the API: what and where, and below it how it is protected and who runs it.
func (t *textPage) writes(rows []finding.LedgerRow) {
	for _, r := range rows {
		fmt.Fprintf(t, "%s %s in %s %s\n", t.in(bold, plain(r.Verb)), t.in(bold, plain(r.Kind)), plain(r.Function),
			t.in(dim, position(r.File, r.Line, 0)))
		for _, part := range []struct{ name, value string }{
			{"protection", r.Protection}, {"fields", strings.Join(r.Fields, ", ")}, {"read from", r.ReadFrom},
			{"domain", r.Domain}, {"manager", r.Manager}, {"reached by", strings.Join(r.Callers, ", ")},
		} {
			if part.value != "" {
				t.paragraph(fmt.Sprintf("    %-11s ", part.name+":"), "                ", plain(part.value))
			}
		}
	}
	if len(rows) > 0 {
		t.WriteByte('\n')
	}
}
