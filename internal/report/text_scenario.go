// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// stepRow is a step of a scenario as text.
type stepRow struct{ number, actor, action, state, place string }

// steps writes the steps of the scenario as a table,
//
//	1  replica A  reads Session     Requests = 7   :36
//
// or, where the terminal is too narrow for it, each state below its action.
func (t *textPage) steps(f *finding.Finding) {
	rows := make([]stepRow, len(f.Scenario.Steps))
	var actor, action, state int
	for i, s := range f.Scenario.Steps {
		rows[i] = stepRow{fmt.Sprintf("%3d", i+1), plain(s.Actor), plain(s.Action), plain(s.State), place(f.File, s.File, s.Line)}
		actor = max(actor, width(rows[i].actor))
		action = max(action, width(rows[i].action))
		state = max(state, width(rows[i].state))
	}
	const gaps = 3 + 2 + 2 + 3 + 3
	limit := t.o.Width
	if limit == 0 {
		limit = 120
	}
	table := gaps+actor+action+state <= limit
	for _, row := range rows {
		lead := t.in(dim, row.number) + "  " + t.in(bold, pad(row.actor, actor)) + "  "
		if table {
			line := lead + pad(row.action, action)
			if state > 0 {
				line += "   " + t.in(cyan, pad(row.state, state))
			}
			fmt.Fprintln(t, strings.TrimRight(line+"   "+t.in(dim, row.place), " "))
			continue
		}
		indent := strings.Repeat(" ", 3+2+actor+2)
		t.paragraph(lead, indent, strings.TrimSpace(row.action+" "+row.place))
		if row.state != "" {
			t.paragraph(indent+t.in(cyan, "· "), indent+"  ", row.state)
		}
	}
}
