// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

type junitLog struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	File    string     `xml:"file,attr,omitempty"`
	Line    int        `xml:"line,attr,omitempty"`
	Failure *junitNote `xml:"failure"`
	Error   *junitNote `xml:"error"`
	Skipped *junitNote `xml:"skipped"`
}

type junitNote struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// junit renders the review as JUnit's XML. A family of rules is a suite. A rule that found nothing is a test that
// passed, so that a clean review is not an empty one; a finding is a test that failed, or was skipped when somebody
// suppressed it; what was not reviewed is a test that could not run.
func junit(w io.Writer, r *finding.Review, rules []Rule, _ Options) error {
	of := make(map[string][]junitCase)
	quiet := make(map[string]bool)
	for _, rule := range rules {
		quiet[rule.ID] = true
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		delete(quiet, f.Rule)
		of[family(f.Rule)] = append(of[family(f.Rule)], junitFinding(f))
	}
	for id := range quiet {
		of[family(id)] = append(of[family(id)], junitCase{Class: id, Name: id})
	}
	for _, e := range r.Errors {
		note := &junitNote{Message: errorLine(e), Type: e.Kind}
		at := cmp.Or(errorPlace(e), e.Kind)
		of["not reviewed"] = append(of["not reviewed"], junitCase{Class: "not reviewed", Name: plain(at), File: e.File, Line: e.Line, Error: note})
	}
	log := junitLog{Name: cmp.Or(r.Tool.Name, "replicavet")}
	for name, cases := range of {
		log.Suites = append(log.Suites, junitSuiteOf(name, cases))
	}
	slices.SortFunc(log.Suites, func(a, b junitSuite) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range log.Suites {
		log.Tests += s.Tests
		log.Failures += s.Failures
		log.Errors += s.Errors
	}
	return writeXML(w, log)
}

// junitFinding is the test that a finding failed.
func junitFinding(f *finding.Finding) junitCase {
	c := junitCase{Class: f.Rule, Name: fmt.Sprintf("%s at %s", f.Rule, position(f.File, f.Line, f.Column)), File: f.File, Line: f.Line}
	if f.Suppressed != nil {
		c.Skipped = &junitNote{Message: suppressedBy(f.Suppressed)}
	} else {
		c.Failure = &junitNote{plain(f.Message), f.Severity.String(), tale(f)}
	}
	return c
}

// junitSuiteOf sorts and counts the tests of a suite.
func junitSuiteOf(name string, cases []junitCase) junitSuite {
	slices.SortStableFunc(cases, func(a, b junitCase) int {
		return cmp.Or(strings.Compare(a.Class, b.Class), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	s := junitSuite{Name: name, Tests: len(cases), Cases: cases}
	for _, c := range cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	return s
}

// family is the part of a rule's id before the slash.
func family(id string) string {
	name, _, _ := strings.Cut(id, "/")
	return name
}
