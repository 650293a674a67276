// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var unlockedPatch = &rule.Rule{
	ID:        "rmw/unlocked-patch",
	Title:     "a patch made from what was read carries no resourceVersion",
	Checklist: []string{"1.2", "1.3"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "unlocked_patch.md"),
	Check:     checkUnlockedPatch,
}

func checkUnlockedPatch(pass *rule.Pass) {
	dead := deadRetryWrites(pass)
	losses := make(map[lostField]*lostPatch)
	var order []*lostPatch
	for _, row := range pass.Effects.Ledger() {
		if dead[row.Site] {
			continue // rmw/retry-without-lock tells it
		}
		worst, all := worstStake(pass, row, unlockedMerge)
		if worst == nil {
			continue // nothing is lost
		}
		key := lostField{row.Site.Parent(), worst.change.Origin, worst.field}
		if first := losses[key]; first != nil {
			first.others = append(first.others, worst.story)
			continue // told with the first
		}
		losses[key] = &lostPatch{row: row, worst: worst, all: all}
		order = append(order, losses[key])
	}
	for _, l := range order {
		reportUnlocked(pass, l)
	}
}

// lostField is a change that a function sends: once, or by several patches on different branches.
type lostField struct {
	fn     *ssa.Function
	change ssa.Instruction
	field  string
}

// lostPatch is a patch that loses a field, with the other patches of the function that send the same change.
type lostPatch struct {
	row    *effects.Entry
	worst  *stake
	all    []stake
	others []*effects.Story
}

// unlockedMerge tells whether a write is a patch that the server applies whatever happened since the read.
func unlockedMerge(w *effects.Event) bool {
	p := w.Patch
	return p != nil && p.Lock == effects.Unlocked && (p.Type == effects.MergePatch || p.Type == effects.StrategicPatch)
}

// worstStake weighs all stories of a row whose write fits; the worst comes back with the stakes of the others.
func worstStake(pass *rule.Pass, row *effects.Entry, fits func(*effects.Event) bool) (worst *stake, all []stake) {
	for _, s := range row.Stories {
		if !fits(s.Write) || !reviewed(pass, s) || !wasRead(s) || s.SendsAnswered() {
			continue // not this kind of write, not reviewed code, an object that nobody read, or a version after all
		}
		if st, ok := weigh(pass, s); ok {
			all = append(all, st)
		}
	}
	for i := range all {
		if worst == nil || all[i].severity > worst.severity {
			worst = &all[i]
		}
	}
	return worst, all
}

func reportUnlocked(pass *rule.Pass, l *lostPatch) {
	row, st := l.row, l.worst
	s := st.story
	related := append(st.related(), callers(l.all, s)...)
	for _, o := range l.others {
		related = append(related, rule.Related{Func: o.Write.Func(), Pos: o.Write.Pos(), Message: "the same change is sent here"})
	}
	kind := kindName(s)
	pass.Report(rule.Report{
		Func: row.Site.Parent(), Pos: row.Site.Pos(),
		Severity: st.severity, Reason: st.reason,
		Message: fmt.Sprintf("the %s of %s sends %s, %s, without a resourceVersion; a change of it since the read is overwritten and nobody gets a conflict",
			verb(s.Write), kind, st.field, st.how()),
		About:  kind + " " + st.field,
		Domain: st.domain, Proof: st.proof, Also: fed(pass, s),
		Related:  related,
		Scenario: lostUpdate(pass, st),
		Fix:      fixUnlocked(pass, l),
	})
}

// how says how the value depends on the read.
func (st *stake) how() string {
	_, list := effects.ListAt(st.story.Type(), st.change.Path)
	switch {
	case list:
		return "a list that a merge patch replaces whole"
	case st.harm == decides:
		return "decided on the value that was read"
	}
	return "computed from the value that was read"
}

// related are the other places of a stake: the read, the change, and the other writer.
func (st *stake) related() []rule.Related {
	var out []rule.Related
	if reads := st.story.Reads(); len(reads) > 0 {
		read := reads[len(reads)-1]
		out = append(out, rule.Related{Func: read.Func(), Pos: read.Pos(), Message: "the object is read here"})
	}
	out = append(out, rule.Related{Func: st.change.Func(), Pos: st.change.Pos(), Message: st.field + " is changed here"})
	if st.rival != nil {
		out = append(out, rule.Related{Func: st.rival.Site.Parent(), Pos: st.rival.Site.Pos(), Message: "the other writer"})
	}
	out = append(out, feeders(st.story)...)
	return out
}

// callers are the functions, other than that of the story, whose objects the same write sends.
func callers(all []stake, told *effects.Story) []rule.Related {
	var out []rule.Related
	seen := map[*ssa.Function]bool{told.Func: true}
	for _, st := range all {
		if fn := st.story.Func; !seen[fn] {
			seen[fn] = true
			out = append(out, rule.Related{Func: fn, Pos: st.story.Write.At.Pos(),
				Message: fmt.Sprintf("%s sends %s by it as well", program.Name(fn), st.field)})
		}
	}
	return out
}

// fixUnlocked adds the lock where a conflict is retried already: inside a retry, or in code that is called again.
func fixUnlocked(pass *rule.Pass, l *lostPatch) rule.Fix {
	fix := rule.Fix{Description: "Send the resourceVersion with the patch, and let a conflict lead to a new read."}
	locked := make(map[ssa.CallInstruction]bool)
	for _, s := range append([]*effects.Story{l.worst.story}, l.others...) {
		if locked[s.Write.Patch.Made] {
			continue // sent twice, made once
		}
		locked[s.Write.Patch.Made] = true
		var edits []rule.Edit
		if requeued(pass, s.Write.Origin.Parent()) {
			edits = lockEdits(pass.Program, s.Write.Patch)
		}
		if edits == nil {
			fix.Edits, fix.Sketch = nil, lockedAgain(pass, l.worst)
			break
		}
		fix.Edits = append(fix.Edits, edits...)
	}
	return fix
}

// requeued tells whether every entry point that leads to fn is called again after an error.
func requeued(pass *rule.Pass, fn *ssa.Function) bool {
	entries := pass.Program.EntriesOf(fn)
	for _, en := range entries {
		if !en.Requeues && en.Domain != program.Test {
			return false
		}
	}
	return len(entries) > 0
}
