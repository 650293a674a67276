// SPDX-License-Identifier: Apache-2.0

package review

import (
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
)

// entryMap returns the managers and the entry points of a program as rows, in source order.
func entryMap(p *program.Program) []finding.MapEntry {
	var rows []finding.MapEntry
	for _, m := range p.Managers {
		row := finding.MapEntry{Entry: "manager", Kind: "manager", Domain: program.StartUp.String(), Because: []string{m.Because}}
		row.File, row.Line, _ = p.Position(m.Pos())
		if m.Site != nil {
			row.Function = program.Name(m.Site.Parent())
		}
		rows = append(rows, row)
	}
	for _, e := range p.Entries {
		row := finding.MapEntry{Entry: e.String(), Kind: string(e.Kind), Domain: e.Domain.String(),
			Because: []string{e.Because}, Function: program.Name(e.Func)}
		row.File, row.Line, _ = p.Position(e.Pos)
		rows = append(rows, row)
	}
	return rows
}

// ledger returns the writes to the API as rows, in source order.
func ledger(p *program.Program, e *effects.Effects) []finding.LedgerRow {
	var rows []finding.LedgerRow
	for _, entry := range e.Ledger() {
		row := finding.LedgerRow{
			Kind: entry.Kind.Name, Verb: string(entry.Call.Effect), Fields: fieldNames(entry.Fields),
			ReadFrom: readFrom(e, entry), Protection: protection(entry),
			Domain: e.Domain(entry).Worst().String(), Function: program.Name(entry.Site.Parent()),
		}
		if row.Kind == "" {
			row.Kind = "unknown"
		}
		row.File, row.Line, _ = p.Position(entry.Site.Pos())
		for _, from := range p.EntriesOf(entry.Site.Parent()) {
			row.Callers = append(row.Callers, from.String())
		}
		slices.Sort(row.Callers)
		row.Callers = slices.Compact(row.Callers)
		rows = append(rows, row)
	}
	return rows
}

// fieldNames returns the fields that have names. The object as a whole has none.
func fieldNames(fields []string) []string {
	return slices.DeleteFunc(slices.Clone(fields), func(field string) bool { return field == "" })
}

// readFrom says where the written objects were read: cache, live, both, nothing, or unknown as soon as one is not known.
func readFrom(e *effects.Effects, row *effects.Entry) string {
	cached, live := false, false
	for _, s := range row.Stories {
		for _, read := range s.Reads() {
			switch freshness, _ := e.Freshness(read); freshness {
			case program.Cached:
				cached = true
			case program.Live:
				live = true
			default:
				return "unknown"
			}
		}
	}
	switch {
	case cached && live:
		return "both"
	case cached:
		return "cache"
	case live:
		return "live"
	}
	return "nothing"
}

// protection says what keeps a write from erasing what others wrote, the weakest of its stories counting.
func protection(row *effects.Entry) string {
	out := ""
	for _, s := range row.Stories {
		switch one := protectionOf(s.Write); {
		case one == "none":
			return one
		case out == "" || one == "unknown":
			out = one
		}
	}
	return out
}

func protectionOf(w *effects.Event) string {
	if w.Patch != nil {
		switch {
		case w.Patch.Type == effects.ApplyPatch:
			return "apply"
		case w.Patch.Lock == effects.Locked:
			return "version"
		case w.Patch.Lock == effects.Unlocked:
			return "none"
		}
		return "unknown"
	}
	switch w.Call.Effect {
	case kube.Update, kube.UpdateStatus, kube.UpdateSubresource:
		return "version"
	case kube.ReadModifyWrite:
		if w.Call.Protection == "rv" {
			return "version"
		}
	case kube.Create:
		return "name"
	case kube.Delete, kube.DeleteCollection:
		return "none"
	}
	return "unknown"
}
