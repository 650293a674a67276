// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// element is what a schema says of an element: its attributes by pattern, those that must be there, what may stand in it.
type element struct {
	attrs    map[string]*regexp.Regexp
	required []string
	children []string
	text     bool
}

var (
	anyText = regexp.MustCompile(`(?s).`) // and not nothing
	maybe   = regexp.MustCompile(``)
	counted = regexp.MustCompile(`^\d+$`)
	ordinal = regexp.MustCompile(`^[1-9]\d*$`)
	ranks   = regexp.MustCompile(`^(ignore|info|warning|error)$`)
)

// grammars say how the two XML formats look.
//
// Checkstyle has no schema of its own; this is what its XMLLogger writes. JUnit's is junit-10.xsd of Jenkins's xUnit plugin, the
// strictest in use, with file and line of a test as GitLab, CircleCI and others read them.
var grammars = map[string]map[string]element{
	"checkstyle": {
		"":           {children: []string{"checkstyle"}},
		"checkstyle": {attrs: map[string]*regexp.Regexp{"version": anyText}, required: []string{"version"}, children: []string{"file"}},
		"file":       {attrs: map[string]*regexp.Regexp{"name": anyText}, required: []string{"name"}, children: []string{"error"}},
		"error": {
			attrs:    map[string]*regexp.Regexp{"line": ordinal, "column": ordinal, "severity": ranks, "message": maybe, "source": anyText},
			required: []string{"line", "severity", "message", "source"},
		},
	},
	"junit": {
		"": {children: []string{"testsuites"}},
		"testsuites": {
			attrs:    map[string]*regexp.Regexp{"name": maybe, "time": maybe, "tests": counted, "failures": counted, "errors": counted},
			children: []string{"testsuite"},
		},
		"testsuite": {
			attrs:    map[string]*regexp.Regexp{"name": anyText, "tests": counted, "failures": counted, "errors": counted, "skipped": counted},
			required: []string{"name", "tests", "failures", "errors"}, children: []string{"testcase"},
		},
		"testcase": {
			attrs:    map[string]*regexp.Regexp{"name": anyText, "classname": anyText, "file": anyText, "line": ordinal},
			required: []string{"name"}, children: []string{"failure", "error", "skipped"},
		},
		"failure": {attrs: map[string]*regexp.Regexp{"type": maybe, "message": maybe}, text: true},
		"error":   {attrs: map[string]*regexp.Regexp{"type": maybe, "message": maybe}, text: true},
		"skipped": {attrs: map[string]*regexp.Regexp{"type": maybe, "message": maybe}, text: true},
	},
}

// obeys checks a document against a grammar.
func obeys(grammar map[string]element, document string) error {
	dec := xml.NewDecoder(strings.NewReader(document))
	path := []string{""}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		in := path[len(path)-1]
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if token.Name.Space != "" || !slices.Contains(grammar[in].children, name) {
				return fmt.Errorf("<%s> in <%s>", name, in)
			}
			if err := attributes(grammar[name], token); err != nil {
				return err
			}
			path = append(path, name)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if !grammar[in].text && strings.TrimSpace(string(token)) != "" {
				return fmt.Errorf("text in <%s>: %q", in, token)
			}
		}
	}
}

func attributes(el element, start xml.StartElement) error {
	missing := slices.Clone(el.required)
	for _, a := range start.Attr {
		pattern := el.attrs[a.Name.Local]
		if pattern == nil || !pattern.MatchString(a.Value) {
			return fmt.Errorf("<%s %s=%q>", start.Name.Local, a.Name.Local, a.Value)
		}
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == a.Name.Local })
	}
	if len(missing) > 0 {
		return fmt.Errorf("<%s> without %q", start.Name.Local, missing)
	}
	return nil
}

func TestXMLGrammar(t *testing.T) {
	for format, grammar := range grammars {
		for _, name := range reviews(t) {
			r, source := read(t, name)
			if err := obeys(grammar, render(t, format, r, Options{Source: source})); err != nil {
				t.Errorf("%s of %s: %v", format, name, err)
			}
		}
	}
}

// The sums of a JUnit report are those of its tests: servers show either.
func TestJUnitSums(t *testing.T) {
	for _, name := range reviews(t) {
		r, _ := read(t, name)
		var log junitLog
		if err := xml.Unmarshal([]byte(render(t, "junit", r, Options{})), &log); err != nil {
			t.Fatal(err)
		}
		var tests, failures, broken int
		for _, s := range log.Suites {
			if sum := junitSuiteOf(s.Name, s.Cases); sum.Tests != s.Tests || sum.Failures != s.Failures || sum.Errors != s.Errors || sum.Skipped != s.Skipped {
				t.Errorf("%s: the suite %s says %d, %d, %d, %d; its tests are %d, %d, %d, %d", name, s.Name, s.Tests, s.Failures, s.Errors, s.Skipped,
					sum.Tests, sum.Failures, sum.Errors, sum.Skipped)
			}
			tests, failures, broken = tests+s.Tests, failures+s.Failures, broken+s.Errors
		}
		if tests != log.Tests || failures != log.Failures || broken != log.Errors {
			t.Errorf("%s says %d, %d, %d; its suites are %d, %d, %d", name, log.Tests, log.Failures, log.Errors, tests, failures, broken)
		}
	}
}

// climateSchema is the specification of Code Climate's issues in the words of JSON Schema, with what GitLab demands of them:
// a severity and a fingerprint.
const climateSchema = `{
	"type": "array",
	"items": {
		"type": "object",
		"required": ["type", "check_name", "description", "categories", "location", "severity", "fingerprint"],
		"additionalProperties": false,
		"properties": {
			"type": {"const": "issue"},
			"check_name": {"type": "string", "minLength": 1},
			"description": {"type": "string", "pattern": "^[^\\n\\r]*$"},
			"content": {"type": "object", "required": ["body"], "additionalProperties": false, "properties": {"body": {"type": "string"}}},
			"categories": {"type": "array", "minItems": 1, "items": {"enum": ["Bug Risk", "Clarity", "Compatibility", "Complexity", "Duplication", "Performance", "Security", "Style"]}},
			"severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
			"fingerprint": {"type": "string", "minLength": 1},
			"location": {"$ref": "#/$defs/location"},
			"other_locations": {"type": "array", "items": {"$ref": "#/$defs/location"}}
		}
	},
	"$defs": {
		"location": {
			"type": "object", "required": ["path", "lines"], "additionalProperties": false,
			"properties": {
				"path": {"type": "string", "minLength": 1, "pattern": "^[^/]"},
				"lines": {
					"type": "object", "required": ["begin", "end"], "additionalProperties": false,
					"properties": {"begin": {"type": "integer", "minimum": 1}, "end": {"type": "integer", "minimum": 1}}
				}
			}
		}
	}
}`

func climate(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(climateSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("climate.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("climate.json")
}

func validClimate(t *testing.T, schema *jsonschema.Schema, report string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(report))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(doc)
}

func TestCodeClimateSchema(t *testing.T) {
	schema := climate(t)
	for _, name := range reviews(t) {
		r, source := read(t, name)
		if err := validClimate(t, schema, render(t, "codeclimate", r, Options{Source: source})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// annotation is a workflow command of GitHub Actions that annotates code.
var annotation = regexp.MustCompile(`^::(error|warning|notice) (file=[^:,]+,)?((line|endLine|col|endColumn)=[1-9]\d*,)*title=[^:,]+::\S`)

// The log is annotations, and one line for its reader that is none.
func TestGitHubGrammar(t *testing.T) {
	for _, name := range reviews(t) {
		r, source := read(t, name)
		lines := strings.Split(strings.TrimSuffix(render(t, "github", r, Options{Source: source}), "\n"), "\n")
		for i, line := range lines {
			if last := i == len(lines)-1; last == annotation.MatchString(line) || last && strings.Contains(line, "::") {
				t.Errorf("%s, line %d: %s", name, i+1, line)
			}
		}
	}
}

// The grammars refuse what they should.
func TestGrammarsRefuse(t *testing.T) {
	r, _ := read(t, "tracker")
	for _, broken := range []struct{ format, from, to string }{
		{"checkstyle", `severity="error"`, `severity="critical"`},
		{"checkstyle", `<file name=`, `<file path=`},
		{"checkstyle", ` source="`, ` rule="`},
		{"junit", `<testcase `, `<test `},
		{"junit", ` tests="`, ` count="`},
		{"junit", `<failure message`, `<note message`},
	} {
		got := render(t, broken.format, r, Options{})
		again := strings.Replace(got, broken.from, broken.to, 1)
		if again == got || obeys(grammars[broken.format], again) == nil {
			t.Errorf("%s with %s is valid", broken.format, broken.to)
		}
	}
	schema, got := climate(t), render(t, "codeclimate", r, Options{})
	for from, to := range map[string]string{`"blocker"`: `"worst"`, `"check_name"`: `"name"`, `"begin": `: `"begin": -`, `"path": "`: `"path": "/`} {
		again := strings.Replace(got, from, to, 1)
		if again == got || validClimate(t, schema, again) == nil {
			t.Errorf("an issue with %s is valid", to)
		}
	}
	for _, line := range []string{"::error title=a::b", "::error file=x.go,line=0,title=a::b", "::critical title=a::b", "::error file=a:b,title=a::b"} {
		if annotation.MatchString(line) != (line == "::error title=a::b") {
			t.Errorf("%s is taken for what it is not", line)
		}
	}
}
