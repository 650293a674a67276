// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"regexp"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var indexPatch = &rule.Rule{
	ID:       "rmw/index-patch",
	Title:    "a JSON patch names a list element by its index",
	Severity: finding.High,
	Needs:    rule.Program,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "index_patch.md"),
	Check:    checkIndexPatch,
}

// atIndex matches a JSON pointer, or the format of one, that names an element by a number, alone or in the text of a
// patch; "-" appends and is no index.
var atIndex = regexp.MustCompile(`(?:^|")(/[\w/~%-]+/(?:%d|%v|\d+)(?:/[^"]*)?)(?:"|$)`)

// fixedList matches a pointer into the lists of a Pod that are fixed when it is created.
var fixedList = regexp.MustCompile(`^/spec/(?:containers|initContainers|volumes)/`)

func checkIndexPatch(pass *rule.Pass) {
	for _, row := range pass.Effects.Ledger() {
		s := row.Stories[0]
		p := s.Write.Patch
		if p == nil || p.Type != effects.JSONPatch || p.Payload == nil || p.Lock == effects.Locked || !reviewed(pass, s) {
			continue // another kind of patch, or one that the server checks
		}
		words := pass.Effects.Mentions(row.Site.Parent(), p.Payload)
		pointer, ok := words.Match(atIndex)
		if !ok || words.Word("test") || words.Has("resourceVersion") || words.Has("ResourceVersion") {
			continue // no index, or it is tested what stands there
		}
		if kindName(s) == "Pod" && fixedList.MatchString(pointer) {
			continue // neither number nor order of them changes in the life of a Pod
		}
		reportIndex(pass, row, s, pointer)
	}
}

func reportIndex(pass *rule.Pass, row *effects.Entry, s *effects.Story, pointer string) {
	kind := kindName(s)
	set := pass.Effects.Domain(row)
	domain := set.Worst()
	sc := rule.NewScenario()
	a := sc.Actor("replica A", runs(set.Proof(domain), program.Name(row.Site.Parent())))
	b := sc.Actor("another writer", "anybody who changes the same list")
	a.Step(s.Func.Pos(), "finds the element in the "+kind+" that it read", pointer+" with index 1")
	b.Step(row.Site.Pos(), "removes element 0", "what was at 1 is at 0 now")
	a.Step(row.Site.Pos(), "sends the patch with index 1", "the server changes another element")
	sc.Outcome("an element of the %s that nobody meant is changed or removed, without an error", kind)
	pass.Report(rule.Report{
		Func: row.Site.Parent(), Pos: row.Site.Pos(), Severity: finding.High,
		Message: fmt.Sprintf("the JSON patch of %s names %s without a test of what stands there; after a change of the list it hits another element", kind, pointer),
		About:   kind + " " + pointer, Domain: domain, Proof: set.Proof(domain),
		Related:  []rule.Related{{Func: s.Func, Pos: s.Func.Pos(), Message: "the patch is made for this function"}},
		Scenario: sc,
		Fix: rule.Fix{Description: "Let the server refuse the patch when the object changed.",
			Sketch: pass.Words(row.Site).Fill("test := map[string]any{\"op\": \"test\", \"path\": \"/metadata/resourceVersion\", \"value\": $obj.ResourceVersion} // the first operation of the patch")},
	})
}
