// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/replicavet/replicavet/internal/finding"
)

// The page needs nothing but itself.
func TestHTMLSelfContained(t *testing.T) {
	outside := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|<object|<base|\ssrc=|href="[^#"]|url\(|@import|http`)
	for _, name := range reviews(t) {
		r, source := read(t, name)
		got := render(t, "html", r, Options{Source: source})
		if at := outside.FindStringIndex(got); at != nil {
			t.Errorf("%s reaches outside: %s", name, got[at[0]:min(len(got), at[1]+60)])
		}
	}
}

// No name in the review becomes a tag, an attribute or a style.
func TestHostileHTML(t *testing.T) {
	r, source := read(t, "hostile")
	got := render(t, "html", r, Options{Source: source})
	clean, cleanSource := read(t, "tracker")
	known := elements(t, render(t, "html", clean, Options{Source: cleanSource}))
	for tag := range elements(t, got) {
		if !known[tag] {
			t.Errorf("a tag of its own: <%s>", tag)
		}
	}
	for i, c := range got {
		if c != '\n' && steers(c) {
			t.Errorf("%q at %d", c, i)
		}
	}
	style := got[strings.Index(got, "<style>"):strings.Index(got, "</style>")]
	if strings.Contains(style, "kind>") || strings.Contains(style, "mutex") {
		t.Error("a name of the review is in the style sheet")
	}
}

// elements returns the names of the elements of a page with the names of their attributes.
func elements(t *testing.T, page string) map[string]bool {
	t.Helper()
	out := make(map[string]bool)
	attribute := regexp.MustCompile(`\s([a-z-]+)(?:="[^"]*")?`)
	for _, m := range regexp.MustCompile(`<(/?[a-zA-Z!][^\s>/]*)((?:\s+[^\s=>"']+(?:="[^"]*")?)*)\s*>`).FindAllStringSubmatch(page, -1) {
		out[m[1]] = true
		for _, a := range attribute.FindAllStringSubmatch(m[2], -1) {
			out[m[1]+" "+a[1]] = true
		}
	}
	if loose := strings.Count(page, "<") - len(regexp.MustCompile(`</?[a-zA-Z!]`).FindAllString(page, -1)); loose != 0 {
		t.Errorf("%d bare < in the page", loose)
	}
	return out
}

// Each filter has its rule in the style sheet, and each finding the classes that the filters ask for.
func TestHTMLFilters(t *testing.T) {
	r, source := read(t, "tracker")
	got := render(t, "html", r, Options{Source: source})
	inputs := regexp.MustCompile(`<input type="radio" name="\w+" id="only-([\w-]+)"`).FindAllStringSubmatch(got, -1)
	if want := 3 + 3 + 3; len(inputs) != want {
		t.Errorf("%d filters, want %d", len(inputs), want)
	}
	classes := regexp.MustCompile(`<details class="finding ([^"]*)"`).FindAllStringSubmatch(got, -1)
	if len(classes) != len(r.Findings) {
		t.Fatalf("%d findings on the page, want %d", len(classes), len(r.Findings))
	}
	for _, in := range inputs {
		class := in[1]
		if !strings.Contains(got, fmt.Sprintf("body:has(#only-%s:checked) .finding:not(.%s),", class, class)) {
			t.Errorf("the filter %s has no rule", class)
		}
		if !slices.ContainsFunc(classes, func(c []string) bool { return slices.Contains(strings.Fields(c[1]), class) }) {
			t.Errorf("the filter %s finds nothing", class)
		}
	}
}

// openIn is how many findings of a page are unfolded.
func openIn(page string) int {
	return len(regexp.MustCompile(`<details class="finding [^>]*" open>`).FindAllString(page, -1))
}

// Many findings are a list to unfold, behind the first; few are shown at once.
func TestHTMLManyFindings(t *testing.T) {
	r, source := read(t, "tracker")
	few := render(t, "html", r, Options{Source: source})
	if n := openIn(few); n != 3 {
		t.Errorf("%d of 3 findings are open", n)
	}
	var many []finding.Finding
	for range 500 {
		many = append(many, r.Findings[0])
	}
	r.Findings = many
	got := render(t, "html", r, Options{Source: source})
	if n := openIn(got); n != 1 {
		t.Errorf("%d of 500 findings are open, want the first", n)
	}
	if n := strings.Count(got, `<details class="finding`); n != 500 {
		t.Errorf("%d findings on the page, want 500", n)
	}
}
