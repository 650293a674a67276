// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected results in testdata/script")

// Each file in testdata/script holds a tree of files and, in its section "want", what loading it gives. Its comment
// may set, one a line: "dir SUB", "patterns P...", "tags T", "tests", "env NAME=VALUE".
func TestLoad(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(script)
			if err != nil {
				t.Fatal(err)
			}
			root, want := unpack(t, archive)
			cfg := configure(t, root, string(archive.Comment))
			got := dump(t, root, cfg)
			if *update {
				archive.Files = append(archive.Files[:len(archive.Files)-1], txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(script, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want - and + got:\n%s", diff)
			}
			if after := snapshot(t, root); !cmp.Equal(archiveFiles(archive), after) {
				t.Errorf("the tree was written to:\n%s", cmp.Diff(archiveFiles(archive), after))
			}
		})
	}
}

// unpack writes the files of an archive, whose last one is what is wanted, and returns the directory and the wish.
func unpack(t *testing.T, archive *txtar.Archive) (root, want string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	last := len(archive.Files) - 1
	if last < 0 || archive.Files[last].Name != "want" {
		t.Fatal("the last section has to be want")
	}
	for name, data := range archiveFiles(archive) {
		write(t, filepath.Join(root, name), data)
	}
	return root, string(archive.Files[last].Data)
}

// write writes a file and the directories above it.
func write(t testing.TB, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
		t.Fatal(err)
	}
}

// archiveFiles returns the contents of the tree's files by name.
func archiveFiles(archive *txtar.Archive) map[string]string {
	files := make(map[string]string)
	for _, f := range archive.Files[:len(archive.Files)-1] {
		files[f.Name] = string(f.Data)
	}
	return files
}

// snapshot returns the contents of all files under root by name.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// offline is the environment of the tests: no network, and no settings of whoever runs them.
func offline() []string {
	return append(os.Environ(), "GOFLAGS=", "GOWORK=", "GOPROXY=off", "GOENV=off", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1")
}

// configure reads the comment of a script.
func configure(t *testing.T, root, comment string) Config {
	t.Helper()
	cfg := Config{Dir: root, Env: offline()}
	for line := range strings.Lines(comment) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case word == "dir":
			cfg.Dir = filepath.Join(root, rest)
		case word == "patterns":
			cfg.Patterns = strings.Fields(rest)
		case word == "tags":
			cfg.Tags = rest
		case word == "tests":
			cfg.Tests = true
		case word == "env":
			cfg.Env = append(cfg.Env, rest)
		default:
			t.Fatalf("unknown setting %q", line)
		}
	}
	return cfg
}

// dump loads and writes down what was loaded, with root left out of all paths. The second time one worker does it.
func dump(t *testing.T, root string, cfg Config) string {
	t.Helper()
	first := dumpOnce(t, root, cfg)
	cfg.Jobs = 1
	if second := dumpOnce(t, root, cfg); first != second {
		t.Errorf("with one worker the result is another:\n%s", cmp.Diff(first, second))
	}
	return first
}

func dumpOnce(t *testing.T, root string, cfg Config) string {
	t.Helper()
	code, err := Load(context.Background(), cfg)
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "%T: %v\n", err, err)
	} else {
		dumpCode(&b, code)
	}
	running := "running " + strings.Replace(runtime.Version(), "go", "go ", 1)
	return strings.NewReplacer(root+string(filepath.Separator), "", root, "ROOT", running, "running go X").Replace(b.String())
}

func dumpCode(b *strings.Builder, code *Code) {
	for _, m := range code.Modules {
		fmt.Fprintf(b, "module %s %s in %s\n", m.Path, m.GoVersion, m.Dir)
	}
	for _, p := range code.Packages {
		fmt.Fprintf(b, "package %s %s in %s of %s%s\n", p.Path, p.Name, p.Dir, p.Module.Path,
			mark(p.IllTyped, "ill-typed")+mark(p.Test, "test")+mark(p.DepOnly, "dep-only"))
		for _, f := range p.Files {
			name := filepath.Base(code.Fset.PositionFor(f.Syntax.Package, false).Filename)
			fmt.Fprintf(b, "\t%s %d comments%s\n", name, len(f.Syntax.Comments), mark(f.Generated, "generated")+mark(f.Test, "test"))
		}
		for _, name := range p.Types.Scope().Names() {
			o := p.Types.Scope().Lookup(name)
			pos := code.Fset.Position(o.Pos())
			fmt.Fprintf(b, "\t%s at %s:%d\n", o, filepath.Base(pos.Filename), pos.Line)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(code.Deps)) {
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			fmt.Fprintf(b, "dep %s %v\n", path, code.Deps[path].Scope().Names())
		}
	}
	for _, e := range code.Errors {
		fmt.Fprintf(b, "%s error in %s %s:%d: %s\n", e.Kind, e.Package, e.File, e.Line, e.Msg)
	}
}

// mark returns a word with a space before it if set.
func mark(set bool, word string) string {
	if set {
		return " " + word
	}
	return ""
}
