// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/replicavet/replicavet/internal/finding"
)

// What the code under review calls its things must not steer what shows them. The hostile review holds terminal
// escapes, direction marks, line breaks, tags, fences, commands and mentions in every field.

func TestHostileText(t *testing.T) {
	r, source := read(t, "hostile")
	for _, format := range []string{"text", "markdown", "github"} {
		for _, o := range []Options{{Brief: true}, {Verbose: true, Source: source}, {Width: 40, Source: source}} {
			for i, c := range render(t, format, r, o) {
				if c != '\n' && steers(c) {
					t.Errorf("%s has %q at %d", format, c, i)
				}
			}
		}
	}
}

func TestHostileGitHub(t *testing.T) {
	r, _ := read(t, "hostile")
	got := render(t, "github", r, Options{})
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if want := 3 + 2 + 1; len(lines) != want {
		t.Fatalf("%d lines, want %d: a name made a line of its own:\n%s", len(lines), want, got)
	}
	command := regexp.MustCompile(`^::(error|warning) ([a-zA-Z]+=[^:,]*,)*[a-zA-Z]+=[^:,]*::`)
	for _, line := range lines[:len(lines)-1] {
		if !command.MatchString(line) {
			t.Errorf("not one command: %s", line)
		}
	}
}

// A log shows what no annotation takes: neither the name of a file nor that of a rule steers it.
func TestHostileGitHubProperties(t *testing.T) {
	r := &finding.Review{
		Findings: []finding.Finding{{File: "a\x1b[2J.go", Line: 1, Rule: "x\u202e/y", Severity: finding.High}},
		Errors:   []finding.Error{{File: "b\x1b[2J.go", Kind: "type"}},
	}
	for i, c := range render(t, "github", r, Options{}) {
		if c != '\n' && steers(c) {
			t.Errorf("%q at %d", c, i)
		}
	}
}

func TestHostileMarkdown(t *testing.T) {
	r, source := read(t, "hostile")
	got := render(t, "markdown", r, Options{Source: source})
	// Outside of code, nothing of the review is a tag, a link, a mention or a reference.
	var rest []string
	fence := ""
	for line := range strings.Lines(got) {
		line = strings.TrimSuffix(line, "\n")
		marks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(marks) >= 3:
			fence = marks
		case fence != "" && line == fence:
			fence = ""
		case fence == "":
			rest = append(rest, withoutCode(line))
		}
	}
	if fence != "" {
		t.Error("a code block is left open")
	}
	prose := strings.Join(rest, "\n")
	for _, own := range []string{"<details><summary>Sequence diagram</summary>", "<details><summary>Suppressed: 1</summary>", "</details>", "<!-- -->"} {
		prose = strings.ReplaceAll(prose, own, "")
	}
	if i := strings.IndexAny(prose, "<"); i >= 0 {
		t.Errorf("a tag: %s", prose[i:min(len(prose), i+80)])
	}
	for _, mention := range []string{"@team", "#1", "[x](y)"} {
		if strings.Contains(strings.Join(rest, "\n"), mention) {
			t.Errorf("%q is a mention or link", mention)
		}
	}
}

// withoutCode returns a line of Markdown without its code spans: what stands between two runs of as many backticks.
func withoutCode(line string) string {
	line = strings.ReplaceAll(line, "\\`", "")
	var out strings.Builder
	for {
		before, after, found := strings.Cut(line, "`")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		n := 1 + len(after) - len(strings.TrimLeft(after, "`"))
		rest := after[n-1:]
		end := 0
		for end < len(rest) {
			run := len(rest[end:]) - len(strings.TrimLeft(rest[end:], "`"))
			if run == n {
				break
			}
			end += max(1, run)
		}
		line = rest[min(len(rest), end+n):]
	}
}

func TestHostileMermaid(t *testing.T) {
	r, _ := read(t, "hostile")
	line := regexp.MustCompile(`^(sequenceDiagram|  participant A\d+ as ([^;#:]|#\d+;)*|  Note over A\d+(,A\d+)?: ([^;#:<]|#\d+;|<br/>)*)$`)
	for _, f := range r.Findings {
		for _, got := range mermaid(f.Scenario) {
			if !line.MatchString(got) {
				t.Errorf("Mermaid reads more than text: %s", got)
			}
		}
	}
}

func TestHostileXML(t *testing.T) {
	r, source := read(t, "hostile")
	known := map[string]bool{
		"checkstyle": true, "file": true, "error": true,
		"testsuites": true, "testsuite": true, "testcase": true, "failure": true, "skipped": true,
	}
	for _, format := range []string{"checkstyle", "junit"} {
		dec := xml.NewDecoder(strings.NewReader(render(t, format, r, Options{Source: source})))
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if el, ok := token.(xml.StartElement); ok && !known[el.Name.Local] {
				t.Errorf("%s has an element %s", format, el.Name.Local)
			}
		}
	}
}

func TestHostileJSON(t *testing.T) {
	r, _ := read(t, "hostile")
	for _, format := range []string{"json", "sarif", "codeclimate"} {
		if got := render(t, format, r, Options{}); !json.Valid([]byte(got)) {
			t.Errorf("%s is not JSON:\n%s", format, got)
		}
	}
	again, err := finding.Decode(strings.NewReader(render(t, "json", r, Options{})))
	if err != nil {
		t.Fatal(err)
	}
	if again.Findings[0].Message != r.Findings[0].Message {
		t.Errorf("message %q became %q", r.Findings[0].Message, again.Findings[0].Message)
	}
}
