// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Entry is a row of the ledger: one place that writes to the API, with all its stories.
type Entry struct {
	Site    ssa.CallInstruction
	Call    *kube.Call
	Kind    kube.Kind
	Stories []*Story
	// Fields are the paths that the stories change, sorted; empty when they are not known.
	Fields []string
}

// keepLedger collects the stories by the place of their write.
func (e *Effects) keepLedger() {
	rows := make(map[ssa.Instruction]*Entry)
	for _, s := range e.stories {
		site, ok := s.Write.Origin.(ssa.CallInstruction)
		if !ok {
			continue
		}
		row := rows[site]
		if row == nil {
			row = &Entry{Site: site, Call: s.Write.Call}
			rows[site] = row
			e.ledger = append(e.ledger, row)
		}
		if k, ok := s.Kind(); ok && row.Kind.Name == "" {
			row.Kind = k
		}
		row.Stories = append(row.Stories, s)
		for _, ch := range s.Changes() {
			if !slices.Contains(row.Fields, ch.Path) {
				row.Fields = append(row.Fields, ch.Path)
			}
		}
	}
	for _, row := range e.ledger {
		slices.Sort(row.Fields)
	}
	slices.SortStableFunc(e.ledger, func(a, b *Entry) int {
		return strings.Compare(e.Program.SortKey(a.Site.Pos()), e.Program.SortKey(b.Site.Pos()))
	})
}

// Writers returns the rows of the ledger other than row itself that write the same kind and a field at, above or below
// path, from other entry points or functions.
func (e *Effects) Writers(kind kube.Kind, path string, not *Entry) []*Entry {
	var out []*Entry
	for _, row := range e.Ledger() {
		if row == not || !row.Kind.Same(kind) {
			continue
		}
		for _, f := range row.Fields {
			if Overlaps(f, path) {
				out = append(out, row)
				break
			}
		}
	}
	return out
}

// Domain returns where a row's write can run.
func (e *Effects) Domain(row *Entry) *program.DomainSet { return e.Program.DomainAt(row.Site) }

// Concerns tells whether a row writes objects of a kind, whose type is t: always, in one of its stories, or as an interface of
// own code that the type has.
func (e *Effects) Concerns(row *Entry, k kube.Kind, t types.Type) bool {
	if row.Kind.Same(k) {
		return true
	}
	if _, isPtr := t.Underlying().(*types.Pointer); !isPtr {
		t = types.NewPointer(t)
	}
	return slices.ContainsFunc(row.Stories, func(s *Story) bool {
		if other, ok := s.Kind(); ok && other.Same(k) {
			return true
		}
		if s.Write.Type == nil {
			return false
		}
		iface, ok := s.Write.Type.Underlying().(*types.Interface)
		return ok && e.Program.OwnType(s.Write.Type) && types.Implements(t, iface)
	})
}
