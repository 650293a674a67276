// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/replicavet/replicavet/internal/finding"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"a.B[計]":     "a.B[計]",
		"a\nb\t":     `a\nb\t`,
		"\x1b[31m":   `\x1b[31m`,
		"a\u202eb":   `a\u202eb`,
		"zero\u200b": `zero\u200b`,
		"\u009b1m":   `\u009b1m`,
		"bad\xff":    `bad\ufffd`,
		`"quoted'\n`: `"quoted'\n`,
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for want, got := range map[string]string{
		"0 findings":      count(0, "finding"),
		"1 finding":       count(1, "finding"),
		"1,000 findings":  count(1000, "finding"),
		"1,234,567 lines": count(1234567, "line"),
		"999 entries":     count(999, "entry"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPlace(t *testing.T) {
	for _, test := range []struct {
		from, file string
		line       int
		want       string
	}{
		{"a/b.go", "a/b.go", 3, ":3"},
		{"a/b.go", "", 3, ":3"},
		{"a/b.go", "a/c.go", 3, "c.go:3"},
		{"a/b.go", "x/c.go", 3, "x/c.go:3"},
		{"a/b.go", "x/c.go", 0, ""},
	} {
		if got := place(test.from, test.file, test.line); got != test.want {
			t.Errorf("place(%q, %q, %d) = %q, want %q", test.from, test.file, test.line, got, test.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		limit int
		want  []string
	}{
		{"one two three", 0, []string{"one two three"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one", 2, []string{"one"}},
		{"計數 器", 4, []string{"計數", "器"}},
		{"", 5, []string{""}},
	} {
		if diff := cmp.Diff(test.want, wrap(test.text, test.limit)); diff != "" {
			t.Errorf("wrap(%q, %d):\n%s", test.text, test.limit, diff)
		}
	}
}

// A finding of a family that no rule of ours has, without source: everything is still said.
func TestTextWithoutSource(t *testing.T) {
	r, _ := read(t, "tracker")
	golden(t, "tracker/text-nosource.txt", render(t, "text", r, Options{}))
}

// The pieces of a suppressed review are counted by who silenced them.
func TestSilenced(t *testing.T) {
	r := &finding.Review{Findings: make([]finding.Finding, 4)}
	if got := silenced(r); got != "" {
		t.Errorf("nothing is silenced, but %q", got)
	}
	for i, kind := range []string{"nolint", "baseline", "nolint"} {
		r.Findings[i].Suppressed = &finding.Suppression{Kind: kind}
	}
	if got, want := silenced(r), "; 3 suppressed (1 by baseline, 2 by nolint)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestExcerpt(t *testing.T) {
	source := "a {\n\n\tif x {\n\t\tf(\t計, y)\r\n\t}\n\n\n"
	src := newSources(Options{Source: func(string) ([]byte, error) { return []byte(source), nil }})
	got := src.excerpt("f", 2, 6, 4, 5, 12)
	want := []quote{
		{Number: 3, Text: "if x {"},
		{Number: 4, Text: "    f(  計, y)", From: 6, To: 14},
		{Number: 5, Text: "}"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("excerpt (-want +got):\n%s", diff)
	}
}

// Whatever a stored review says of a place: the mark lies in the line, and between runes.
func FuzzExcerpt(f *testing.F) {
	f.Add("a\n\tb計c\n\n", 1, 2, 3, 5)
	f.Add("", 1, 1, 1, 1)
	f.Add("\xff\xfe\u202e\t\n \n", 1, 2, 2, 9)
	f.Fuzz(func(t *testing.T, source string, first, marked, column, endColumn int) {
		src := newSources(Options{Source: func(string) ([]byte, error) { return []byte(source), nil }})
		if marked < first || marked-first > 100 {
			return
		}
		for _, q := range src.excerpt("f", first, marked+2, marked, column, endColumn) {
			if q.From < 0 || q.To < q.From || q.To > len(q.Text) {
				t.Fatalf("mark %d to %d of %q", q.From, q.To, q.Text)
			}
			if !utf8.ValidString(q.Text[:q.From]) || !utf8.ValidString(q.Text[q.From:q.To]) || strings.ContainsFunc(q.Text, steers) {
				t.Fatalf("mark %d to %d cuts %q", q.From, q.To, q.Text)
			}
		}
	})
}
