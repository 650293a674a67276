// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

// TestRowsResolve reads the sources of the modules that the table names, in each version named, and finds each row's
// symbol exactly in the versions that the row claims. It needs the module cache or a module proxy.
func TestRowsResolve(t *testing.T) {
	if testing.Short() {
		t.Skip("reads module sources")
	}
	dirs := downloadModules(t, table().lines)
	trees := make(sources)
	rows, checks := 0, 0
	for _, l := range table().lines {
		rows++
		for _, version := range l.module.versions {
			checks++
			pkg, err := trees.read(packageDir(dirs, l, version))
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range l.check(version, pkg) {
				t.Errorf("%s: %s", l.pos, problem)
			}
		}
	}
	t.Logf("%d rows, %d module versions, %d checks, %d package folders", rows, len(dirs), checks, len(trees))
}

// check compares a row with what one version of its package declares, and returns what is wrong.
func (l line) check(version string, pkg declared) []string {
	claimed := l.call.existsIn(version)
	var problems []string
	found := false
	for _, recv := range l.recvs {
		name := strings.TrimPrefix(recv+"."+l.name, ".")
		decl := pkg[name]
		if decl == nil {
			continue
		}
		found = true
		if !claimed {
			problems = append(problems, fmt.Sprintf("%s %s has %s, but the row says it has not", l.pkg, version, name))
			continue
		}
		problems = append(problems, l.checkArguments(version, decl)...)
	}
	if claimed && !found {
		problems = append(problems, fmt.Sprintf("%s %s has no %s.%s", l.pkg, version, strings.Join(l.recvs, "/"), l.name))
	}
	return problems
}

func (l line) checkArguments(version string, decl *declaration) []string {
	if !decl.isFunc {
		return nil
	}
	row := *l.call
	for _, arg := range row.arguments() {
		if *arg >= len(decl.params) {
			return []string{fmt.Sprintf("%s.%s in %s takes %d arguments without its context, but the row counts to %d",
				l.pkg, l.name, version, len(decl.params), *arg)}
		}
	}
	for _, n := range []int{row.Object, row.Closure, row.Client, row.WritesInto} {
		if n >= 0 && isBasic(decl.params[n]) {
			return []string{fmt.Sprintf("argument %d of %s.%s in %s is a plain value, but the row says it is more",
				n, l.pkg, l.name, version)}
		}
	}
	return nil
}

// existsIn reports whether the row claims the symbol for a version of its module.
func (c *Call) existsIn(version string) bool {
	if strings.HasPrefix(version, "go") {
		return true
	}
	if c.absent[0] != "" && semver.Compare(version, c.absent[0]) >= 0 && semver.Compare(version, c.absent[1]) <= 0 {
		return false
	}
	return (c.Since == "" || semver.Compare(version, c.Since) >= 0) &&
		(c.Until == "" || semver.Compare(version, c.Until) <= 0)
}

// sources are the packages read, by folder.
type sources map[string]declared

func (s sources) read(dir string) (declared, error) {
	if s[dir] == nil {
		pkg, err := readPackage(dir)
		if err != nil {
			return nil, err
		}
		s[dir] = pkg
	}
	return s[dir], nil
}

func packageDir(dirs map[string]string, l line, version string) string {
	if l.module.path == "std" {
		return filepath.Join(dirs["std"], filepath.FromSlash(l.pkg))
	}
	rel := strings.TrimPrefix(l.pkg, l.module.path)
	return filepath.Join(dirs[moduleVersion(l.module.path, version)], filepath.FromSlash(rel))
}

// downloadModules returns the folder of each module version that the lines name.
func downloadModules(t *testing.T, lines []line) map[string]string {
	t.Helper()
	var wanted []string
	for _, l := range lines {
		for _, v := range l.module.versions {
			if l.module.path != "std" {
				wanted = append(wanted, moduleVersion(l.module.path, v))
			}
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)

	work := t.TempDir()
	if err := os.WriteFile(filepath.Join(work, "go.mod"), []byte("module rows\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{"std": filepath.Join(strings.TrimSpace(runGo(t, work, "env", "GOROOT")), "src")}
	out := json.NewDecoder(strings.NewReader(runGo(t, work, append([]string{"mod", "download", "-json"}, wanted...)...)))
	for {
		var m struct{ Path, Version, Dir, Error string }
		if err := out.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		dirs[m.Path+"@"+m.Version] = m.Dir
	}
	return dirs
}

// moduleVersion returns path@version as the go command wants it: the table's paths leave the major version out.
func moduleVersion(path, version string) string {
	if major := semver.Major(version); major != "v0" && major != "v1" {
		path += "/" + major
	}
	return path + "@" + version
}

func runGo(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v (offline? run the tests with -short)\n%s%s", args[0], err, out, stderr.String())
	}
	return string(out)
}

// TestCheckFindsWrongRows holds the checker itself to a small package: each wrong row must be reported.
func TestCheckFindsWrongRows(t *testing.T) {
	dir := t.TempDir()
	src := "package p\n\nimport \"context\"\n\n" +
		"type Doer interface{ Do(ctx context.Context, name string) error }\n\n" +
		"type Box[T any] struct{ Open bool }\n\nfunc (b *Box[T]) Put(v T) {}\n\nvar Make = func() {}\n"
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	pkg, err := readPackage(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ row, want string }{
		{"Doer.Do block key=0", ""},
		{"Old/Doer.Do block", ""},
		{"Box.Put queue obj=0", ""},
		{"Box.Open option", ""},
		{"Make pure", ""},
		{"Doer.Do block since=v1.0.0 until=v1.2.0", ""},
		{"Gone.Do block until=v0.9.0", ""},
		{"Doer.Undo block", "has no Doer.Undo"},
		{"Dooer.Do block", "has no Dooer.Do"},
		{"Do block", "has no .Do"},
		{"Doer.Do block key=1", "counts to 1"},
		{"Box.Put queue closure=1", "counts to 1"},
		{"Doer.Do block obj=0", "is a plain value"},
		{"Doer.Do block since=v1.3.0", "says it has not"},
		{"Make pure until=v1.1.0", "says it has not"},
	} {
		m := &model{rows: make(map[symbol]*Call)}
		if err := m.parse("t", "module example.org/m v1.2.0\npackage p\n"+tt.row+"\n"); err != nil {
			t.Errorf("%s: %v", tt.row, err)
			continue
		}
		got := strings.Join(m.lines[0].check("v1.2.0", pkg), "\n")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: checked as %q, want %q", tt.row, got, tt.want)
		}
	}
}
