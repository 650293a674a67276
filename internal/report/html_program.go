// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// htmlMapGroup are the entry points of one domain.
type htmlMapGroup struct {
	Domain, Class string
	Entries       []htmlMapEntry
}

type htmlMapEntry struct {
	Entry, Kind, Function, Place string
	Because                      []string
}

// htmlMap groups the entry points by domain: what everybody runs first, then the leader, then the rest.
func htmlMap(entries []finding.MapEntry) []htmlMapGroup {
	order := []string{"every-replica", "leader-only", "start-up", "unknown", "test"}
	groups := make([]htmlMapGroup, len(order))
	for i, kind := range order {
		groups[i] = htmlMapGroup{Domain: domainName(kind), Class: kind}
	}
	for _, e := range entries {
		i := slices.Index(order, domainClass(e.Domain))
		entry := htmlMapEntry{plain(e.Entry), plain(e.Kind), plain(e.Function), position(e.File, e.Line, 0), nil}
		if strings.HasPrefix(entry.Entry, entry.Kind) {
			entry.Kind = "" // the name says it
		}
		if strings.HasSuffix(entry.Entry, entry.Function) {
			entry.Function = ""
		}
		for _, step := range e.Because {
			entry.Because = append(entry.Because, plain(step))
		}
		groups[i].Entries = append(groups[i].Entries, entry)
	}
	return slices.DeleteFunc(groups, func(g htmlMapGroup) bool { return len(g.Entries) == 0 })
}

// htmlLedgerGroup are the writes of one API kind.
type htmlLedgerGroup struct {
	Kind string
	Rows []htmlLedgerRow
	// Managed is set where a row names its field manager.
	Managed bool
}

type htmlLedgerRow struct {
	Verb, Fields, ReadFrom, Protection, Domain, DomainClass, Manager, Place, Function string
	Callers                                                                           []string
	// Open is set for a write that every replica makes and nothing protects.
	Open bool
}

// htmlLedger groups the writes by kind, the kinds in order of their names: a second writer stands below the first.
func htmlLedger(rows []finding.LedgerRow) []htmlLedgerGroup {
	var groups []htmlLedgerGroup
	for _, r := range rows {
		row := htmlLedgerRow{
			Verb: plain(r.Verb), Fields: plain(strings.Join(r.Fields, ", ")), ReadFrom: plain(r.ReadFrom),
			Protection: plain(r.Protection), Domain: domainName(plain(r.Domain)), DomainClass: domainClass(r.Domain),
			Manager: plain(r.Manager), Place: position(r.File, r.Line, 0), Function: plain(r.Function),
			Open: r.Protection == "none" && r.Domain == "every-replica",
		}
		for _, caller := range r.Callers {
			row.Callers = append(row.Callers, plain(caller))
		}
		kind := plain(r.Kind)
		i := slices.IndexFunc(groups, func(g htmlLedgerGroup) bool { return g.Kind == kind })
		if i < 0 {
			i = len(groups)
			groups = append(groups, htmlLedgerGroup{Kind: kind})
		}
		groups[i].Rows = append(groups[i].Rows, row)
		groups[i].Managed = groups[i].Managed || row.Manager != ""
	}
	slices.SortStableFunc(groups, func(a, b htmlLedgerGroup) int { return strings.Compare(a.Kind, b.Kind) })
	return groups
}
