// SPDX-License-Identifier: Apache-2.0

package finding

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// full returns a review in which every field is set.
func full() *Review {
	edit := Edit{File: "a.go", Start: 3, End: 5, Line: 7, EndLine: 7, New: "<x> & y"}
	return &Review{
		Version: Version,
		Tool:    Tool{Name: "replicavet", Version: "v1"},
		Findings: []Finding{{
			ID: "rv-1", Rule: "rmw/x", Section: "1", Severity: High, Reason: "because",
			File: "a.go", Line: 7, Column: 2, EndLine: 8, EndColumn: 3, Function: "(*T).M$1", Message: "m",
			Domain:   Domain{Kind: "every-replica", Because: []string{"main"}},
			Related:  []Related{{File: "b.go", Line: 1, Column: 2, Function: "F", Message: "read"}},
			Scenario: Scenario{Actors: []Actor{{"A", "runs"}}, Steps: []Step{{"A", "does", "s = 1", "a.go", 7}}, Outcome: "lost"},
			Fix:      Fix{Description: "do", Edits: []Edit{edit}, Sketch: "s"}, Fingerprint: "f",
			Suppressed: &Suppression{Kind: "directive", Reason: "r", File: "a.go", Line: 6},
		}},
		Errors:   []Error{{Kind: "load", Package: "p", File: "c.go", Line: 1, Message: "m"}},
		Stats:    Stats{Modules: []string{"m"}, Packages: 1, Files: 2, Lines: 3, Functions: 4, Rules: 5, Suppressed: 1},
		Rules:    []string{"a/b", "c/d"},
		Excerpts: []Excerpt{{File: "a.go", Line: 3, Offset: 20, Text: "x\n"}},
		Map:      []MapEntry{{"reconciler T", "reconciler", "leader-only", []string{"main"}, "a.go", 1, "F"}},
		Ledger:   []LedgerRow{{"T", "patch", []string{"spec"}, "cache", "none", "unknown", "m", "a.go", 1, "F", []string{"main"}}},
	}
}

func encoded(t *testing.T, r *Review) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	want := full()
	got, err := Decode(bytes.NewReader(encoded(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if !cmp.Equal(want, full()) {
		t.Error("writing changed the review")
	}
}

// Lists are never null, so that a reader in any language may loop over them.
func TestEncodeLists(t *testing.T) {
	r := &Review{Version: Version, Findings: []Finding{{Severity: Medium, Section: "0"}}, Map: []MapEntry{{}}, Ledger: []LedgerRow{{}}}
	got := encoded(t, r)
	if bytes.Contains(got, []byte("null")) {
		t.Errorf("a list is null:\n%s", got)
	}
	if r.Findings[0].Related != nil || r.Map[0].Because != nil || r.Ledger[0].Fields != nil {
		t.Error("writing changed the review")
	}
	if err := valid(t, compiled(t), got); err != nil {
		t.Error(err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole := string(encoded(t, full()))
	for name, change := range map[string][2]string{
		"another version": {`"version": 1,`, `"version": 2,`},
		"unknown field":   {`"rule":`, `"ruler":`},
		"no severity":     {`"HIGH"`, `"NONE"`},
		"half":            {`"stats"`, ""},
	} {
		broken := strings.Replace(whole, change[0], change[1], 1)
		if broken == whole {
			t.Fatalf("%s: no %s", name, change[0])
		}
		if _, err := Decode(strings.NewReader(broken)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSeverity(t *testing.T) {
	for _, s := range []Severity{Medium, High, Critical} {
		if got, err := ParseSeverity(strings.ToLower(s.String())); err != nil || got != s {
			t.Errorf("ParseSeverity(%s) = %v, %v", s, got, err)
		}
	}
	if _, err := ParseSeverity("fatal"); err == nil || !strings.Contains(err.Error(), "use medium, high or critical") {
		t.Errorf("error %v does not name the legal values", err)
	}
}

// The worst comes first, then the order of places; related places stay in the rule's order.
func TestSort(t *testing.T) {
	r := &Review{
		Findings: []Finding{
			{ID: "4", Severity: Medium, File: "a"},
			{ID: "3", Severity: High, File: "b", Line: 2},
			{ID: "2", Severity: High, File: "b", Line: 1, Related: []Related{{File: "z"}, {File: "a"}}},
			{ID: "1", Severity: Critical, File: "z"},
		},
		Errors: []Error{{Kind: "type"}, {Kind: "load", File: "b"}, {Kind: "load", File: "a"}},
	}
	r.Sort()
	var ids, errors []string
	for _, f := range r.Findings {
		ids = append(ids, f.ID)
	}
	for _, e := range r.Errors {
		errors = append(errors, e.Kind+e.File)
	}
	if diff := cmp.Diff([]string{"1", "2", "3", "4"}, ids); diff != "" {
		t.Errorf("findings:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"loada", "loadb", "type"}, errors); diff != "" {
		t.Errorf("errors:\n%s", diff)
	}
	if r.Findings[1].Related[0].File != "z" {
		t.Error("related places were sorted")
	}
}

func TestFingerprint(t *testing.T) {
	one := Fingerprint("rmw/x", "p", "F", "Session.status", 0)
	if one != Fingerprint("rmw/x", "p", "F", "Session.status", 0) {
		t.Error("the same finding has two names")
	}
	seen := map[string]bool{one: true}
	for _, other := range []string{
		Fingerprint("rmw/y", "p", "F", "Session.status", 0),
		Fingerprint("rmw/x", "q", "F", "Session.status", 0),
		Fingerprint("rmw/x", "p", "G", "Session.status", 0),
		Fingerprint("rmw/x", "p", "F", "Session.spec", 0),
		Fingerprint("rmw/x", "p", "F", "Session.status", 1),
		Fingerprint("rmw/x", "pF", "", "Session.status", 0),
	} {
		if seen[other] {
			t.Error("two findings have the same name")
		}
		seen[other] = true
	}
}
