// SPDX-License-Identifier: Apache-2.0

// Package ruletest tests rules on fixtures. A fixture is a txtar archive, testdata/<rule_name>/<case>.txtar, whose
// comment tells its story in a sentence and whose files are a small program of module example.com/fixture. It may
// import the shared API example.com/fixture/api/v1 and the packages that module/deps.go names, in their real versions.
//
// A line that must be told carries a comment
//
//	// want "regexp of the message"
//
// and every other finding of the rule fails the test: silence is asserted everywhere. Cases called silent_* and trap_*
// hold what a naive rule would tell and this one must not; a trap may hold a want as well. A fixture whose comment has a
// line "strict" runs the checklist to the letter. Where a finding carries edits, they are applied, and the result must
// type-check, be free of the finding, and have no new one of any rule; one with a line "by hand" leaves all fixes to people.
package ruletest

import (
	"context"
	"fmt"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/txtar"
)

// modulePath is the module that all fixtures belong to.
const modulePath = "example.com/fixture"

// Run tests every rule on the fixtures below testdata, and demands for each a page, a case that speaks, one that is
// silent and a trap. all are the rules that look at what is left after a fix.
func Run(t *testing.T, rules, all []*rule.Rule) {
	t.Helper()
	cases := read(t, rules)
	code := loadCases(t, cases)
	var repaired []*fixture
	for _, r := range rules {
		t.Run(strings.ReplaceAll(r.ID, "/", "_"), func(t *testing.T) {
			demandComplete(t, r, cases)
			for _, c := range cases {
				if c.rule != r {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					p, e := c.build(t, code)
					found := rule.Run(c.rule, p, e, c.strict)
					c.compare(t, found)
					if fixed := c.repair(t, found); fixed != nil {
						fixed.before = slices.DeleteFunc(c.reviewAll(all, p, e), func(f finding.Finding) bool { return f.Rule == r.ID && len(f.Fix.Edits) > 0 })
						repaired = append(repaired, fixed)
					}
				})
			}
		})
	}
	if len(repaired) == 0 {
		return
	}
	code = loadCases(t, repaired)
	for _, c := range repaired {
		t.Run("fixed_"+c.name, func(t *testing.T) { c.checkRepaired(t, code, all) })
	}
}

// demandComplete fails a rule that does not show when it speaks and when it is silent.
func demandComplete(t *testing.T, r *rule.Rule, cases []*fixture) {
	t.Helper()
	if !strings.HasPrefix(r.Doc, "# "+r.ID+"\n") {
		t.Errorf("the page of %s must begin with %q", r.ID, "# "+r.ID)
	}
	for _, heading := range []string{"## Why", "## Bad", "## Good", "## When it is silent", "## Severity", "## If you disagree"} {
		if !strings.Contains(r.Doc, "\n"+heading+"\n") {
			t.Errorf("the page of %s lacks %q", r.ID, heading)
		}
	}
	var speaks, silent, trap bool
	for _, c := range cases {
		if c.rule == r {
			speaks = speaks || len(c.wants) > 0
			silent = silent || strings.HasPrefix(c.name, "silent_")
			trap = trap || strings.HasPrefix(c.name, "trap_")
		}
	}
	if !speaks || !silent || !trap {
		t.Errorf("%s needs a case that speaks (%t), one called silent_* (%t) and one called trap_* (%t)", r.ID, speaks, silent, trap)
	}
}

// fixture is one case.
type fixture struct {
	rule   *rule.Rule
	name   string
	path   string // below the temporary module
	strict bool
	byHand bool
	files  map[string]string
	wants  []want
	// before are the findings that a repaired case may keep: all but those that were repaired.
	before []finding.Finding
}

type want struct {
	file string
	line int
	text *regexp.Regexp
	met  bool
}

var wantComment = regexp.MustCompile("// want (\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)")

// read reads the fixtures of all rules.
func read(t *testing.T, rules []*rule.Rule) []*fixture {
	t.Helper()
	var cases []*fixture
	known := make(map[string]bool)
	for _, r := range rules {
		_, name, _ := strings.Cut(r.ID, "/")
		dir := strings.ReplaceAll(name, "-", "_")
		known[dir] = true
		archives, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range archives {
			cases = append(cases, parse(t, r, dir, path))
		}
	}
	entries, err := os.ReadDir("testdata")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !known[e.Name()] {
			t.Errorf("testdata/%s belongs to no rule", e.Name())
		}
	}
	return cases
}

func parse(t *testing.T, r *rule.Rule, dir, path string) *fixture {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse(data)
	name := strings.TrimSuffix(filepath.Base(path), ".txtar")
	c := &fixture{rule: r, name: name, path: r.Family() + "_" + dir + "/" + name, files: make(map[string]string)}
	if len(strings.TrimSpace(string(archive.Comment))) == 0 {
		t.Errorf("%s: the comment must tell the case in a sentence", path)
	}
	told := strings.Split(string(archive.Comment), "\n")
	c.strict = r.Strict || slices.Contains(told, "strict")
	c.byHand = slices.Contains(told, "by hand")
	for _, f := range archive.Files {
		text := string(f.Data)
		c.files[f.Name] = c.atHome(text)
		for i, line := range strings.Split(text, "\n") {
			for _, m := range wantComment.FindAllStringSubmatch(line, -1) {
				expr := strings.Trim(m[1], "`")
				if strings.HasPrefix(m[1], `"`) {
					expr = strings.ReplaceAll(strings.Trim(m[1], `"`), `\"`, `"`)
				}
				re, err := regexp.Compile(expr)
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				c.wants = append(c.wants, want{file: f.Name, line: i + 1, text: re})
			}
		}
	}
	return c
}

// Programs loads the txtar archives that match pattern, each as a program of the fixtures' module, at once: for tests of
// the engine. It returns their code and their archives by name.
func Programs(t *testing.T, pattern string) (map[string]*load.Code, map[string]*txtar.Archive) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no programs match %s: %v", pattern, err)
	}
	archives := make(map[string]*txtar.Archive)
	var cases []*fixture
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		c := &fixture{name: name, path: "case_" + name, files: make(map[string]string)}
		for _, f := range archive.Files {
			c.files[f.Name] = c.atHome(string(f.Data))
		}
		archives[name] = archive
		cases = append(cases, c)
	}
	all := loadCases(t, cases)
	codes := make(map[string]*load.Code)
	for _, c := range cases {
		codes[c.name] = c.part(all)
	}
	return codes, archives
}

// atHome restates the imports of a file for the place where the case is put.
func (c *fixture) atHome(text string) string {
	text = strings.ReplaceAll(text, `"`+modulePath+`/`, `"`+modulePath+`/`+c.path+`/`)
	return strings.ReplaceAll(text, modulePath+`/`+c.path+`/api/v1"`, modulePath+`/api/v1"`)
}

// loadCases writes all cases into one module and loads them at once: dependencies are read once for all.
func loadCases(t *testing.T, cases []*fixture) *load.Code {
	t.Helper()
	root := t.TempDir()
	copyModule(t, root)
	for _, c := range cases {
		for name, text := range c.files {
			file := filepath.Join(root, filepath.FromSlash(c.path), filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	code, err := load.Load(context.Background(), load.Config{Dir: root, Patterns: []string{"./..."}, Env: append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range code.Errors {
		t.Errorf("%s: %s", e.Package, e.Msg)
	}
	if len(code.Errors) > 0 {
		t.FailNow()
	}
	return code
}

func copyModule(t *testing.T, root string) {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	from := filepath.Join(filepath.Dir(self), "module")
	for _, name := range []string{"go.mod", "go.sum", "api/v1/types.go"} {
		data, err := os.ReadFile(filepath.Join(from, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// part returns the loaded code of one case: its own packages, the shared API, and what these import.
func (c *fixture) part(code *load.Code) *load.Code {
	mine := &load.Code{
		Root: filepath.Join(code.Root, filepath.FromSlash(c.path)),
		Fset: code.Fset, Modules: code.Modules, Deps: make(map[string]*types.Package),
	}
	prefix := modulePath + "/" + c.path
	for _, pkg := range code.Packages {
		if pkg.Path == prefix || strings.HasPrefix(pkg.Path, prefix+"/") || strings.HasPrefix(pkg.Path, modulePath+"/api/") {
			mine.Packages = append(mine.Packages, pkg)
		}
	}
	var need func(pkg *types.Package)
	need = func(pkg *types.Package) {
		if dep := code.Deps[pkg.Path()]; dep != nil && mine.Deps[pkg.Path()] == nil {
			mine.Deps[pkg.Path()] = dep
			for _, imported := range pkg.Imports() {
				need(imported)
			}
		}
	}
	for _, pkg := range mine.Packages {
		for _, imported := range pkg.Types.Imports() {
			need(imported)
		}
	}
	return mine
}

// build makes the case's program and what its functions do.
func (c *fixture) build(t *testing.T, code *load.Code) (*program.Program, *effects.Effects) {
	t.Helper()
	p := program.Build(c.part(code))
	for _, e := range p.Errors {
		t.Errorf("%s: %s", e.Package, e.Msg)
	}
	return p, effects.Build(p)
}

// reviewAll runs all rules on the case's program: those that a user runs who chose the case's own rule to the letter or not.
func (c *fixture) reviewAll(all []*rule.Rule, p *program.Program, e *effects.Effects) []finding.Finding {
	var found []finding.Finding
	for _, r := range all {
		if r.Check != nil && (c.strict || !r.Strict) {
			found = append(found, rule.Run(r, p, e, c.strict)...)
		}
	}
	return found
}

// compare matches findings with wants, one to one.
func (c *fixture) compare(t *testing.T, found []finding.Finding) {
	t.Helper()
	for _, f := range found {
		if !c.meet(f) {
			t.Errorf("%s.txtar: unexpected at %s:%d: %s", c.name, f.File, f.Line, f.Message)
		}
	}
	for _, w := range c.wants {
		if !w.met {
			t.Errorf("%s.txtar: nothing told at %s:%d, want %q", c.name, w.file, w.line, w.text)
		}
	}
}

func (c *fixture) meet(f finding.Finding) bool {
	for i := range c.wants {
		w := &c.wants[i]
		if !w.met && w.file == f.File && w.line == f.Line && w.text.MatchString(f.Severity.String()+" "+f.Message) {
			w.met = true
			return true
		}
	}
	return false
}

// repair applies the edits of all findings to the case's files; nil if there are none.
func (c *fixture) repair(t *testing.T, found []finding.Finding) *fixture {
	t.Helper()
	fixed := &fixture{rule: c.rule, name: c.name, path: c.path, strict: c.strict, files: maps.Clone(c.files)}
	var edits []finding.Edit
	for _, f := range found {
		if len(f.Fix.Edits) == 0 {
			if f.Fix.Sketch == "" || f.Fix.Description == "" {
				t.Errorf("%s:%d: a finding needs a fix: a description, and edits or a sketch", f.File, f.Line)
			}
			if names, ok := strangers(f.Fix.Sketch, slices.Collect(maps.Values(c.files))); !ok || len(names) > 0 {
				t.Errorf("%s:%d: the sketch is no Go or leaves something out (%t), or has names that the code does not have: %q\n%s", f.File, f.Line, !ok, names, f.Fix.Sketch)
			}
			continue
		}
		if c.byHand {
			t.Errorf("%s:%d: a fix that is not certain: %v", f.File, f.Line, f.Fix.Edits)
		}
		for _, e := range f.Fix.Edits {
			if !slices.Contains(edits, e) {
				edits = append(edits, e)
			}
		}
	}
	if len(edits) == 0 {
		return nil
	}
	slices.SortStableFunc(edits, func(a, b finding.Edit) int { return b.Start - a.Start })
	for _, e := range edits {
		text, ok := fixed.files[e.File]
		if !ok || e.Start > e.End || e.End > len(text) {
			t.Fatalf("edit outside of the case: %s [%d,%d)", e.File, e.Start, e.End)
		}
		fixed.files[e.File] = text[:e.Start] + e.New + text[e.End:]
	}
	return fixed
}

// checkRepaired demands that a repaired case has lost the findings that had edits, and that no rule tells more of a function
// than before.
func (c *fixture) checkRepaired(t *testing.T, code *load.Code, all []*rule.Rule) {
	t.Helper()
	type place struct{ rule, function string }
	may := make(map[place]int)
	for _, f := range c.before {
		may[place{f.Rule, f.Function}]++
	}
	p, e := c.build(t, code)
	for _, f := range c.reviewAll(all, p, e) {
		at := place{f.Rule, f.Function}
		if may[at]--; may[at] < 0 {
			t.Errorf("%s.txtar: told after the fix, at %s:%d: %s: %s", c.name, f.File, f.Line, f.Rule, f.Message)
		}
	}
	if t.Failed() {
		for _, name := range slices.Sorted(maps.Keys(c.files)) {
			t.Log(fmt.Sprintf("-- %s --\n%s", name, c.files[name]))
		}
	}
}
