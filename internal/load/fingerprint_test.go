// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each edit of the tree or the settings changes the key, and taking it back restores it.
func TestKey(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"outer/go.work":              "go 1.24\n\nuse (\n\t./m\n\t\"../other\"\n)\n",
		"outer/m/go.mod":             "module example.com/m\n\ngo 1.24\n\nreplace example.com/dep => ../../dep // ours\n",
		"outer/m/go.sum":             "",
		"outer/m/a/a.go":             "package a\n",
		"outer/m/a/a_windows.go":     "package a\n",
		"outer/m/a/a_test.go":        "package a\n",
		"outer/m/a/testdata/t/t.go":  "package t\n",
		"outer/m/vendor/modules.txt": "",
		"outer/m/sub/go.mod":         "module example.com/m/sub\n",
		"other/go.mod":               "module example.com/other\n\nreplace example.com/far => ../far\n",
		"other/o.go":                 "package other\n",
		"far/f.go":                   "package far\n",
		"dep/d.go":                   "package dep\n",
	}
	for name, data := range files {
		write(t, filepath.Join(base, name), data)
	}
	write(t, filepath.Join(base, "outer/m/README.md"), "not code")
	write(t, filepath.Join(base, "outer/m/.git/x.go"), "not ours")
	cfg := Config{Dir: filepath.Join(base, "outer", "m"), Env: offline()}
	key := func(cfg Config, salt string) string {
		t.Helper()
		key, err := Key(context.Background(), cfg, salt)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	first := key(cfg, "salt")
	for name, data := range files {
		path := filepath.Join(base, name)
		write(t, path, data+"\n")
		if key(cfg, "salt") == first {
			t.Errorf("an edit of %s does not change the key", name)
		}
		write(t, path, data)
	}
	for _, name := range []string{"outer/m/b.go", "outer/m/new/go.mod", "outer/go.work.sum"} {
		path := filepath.Join(base, name)
		write(t, path, "")
		if key(cfg, "salt") == first {
			t.Errorf("a new file %s does not change the key", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"outer/m/README.md", "outer/m/.git/x.go"} {
		write(t, filepath.Join(base, name), "changed")
	}
	if got := key(cfg, "salt"); got != first {
		t.Error("the key changed although nothing that counts did")
	}
	settings := map[string]Config{}
	for _, env := range []string{"GOFLAGS=-mod=mod", "GOWORK=off", "GOOS=windows", "GOARCH=arm64", "CGO_ENABLED=0"} {
		changed := cfg
		changed.Env = append(slices.Clip(cfg.Env), env)
		settings[env] = changed
	}
	tags, tests, patterns := cfg, cfg, cfg
	tags.Tags, tests.Tests, patterns.Patterns = "x", true, []string{"./a"}
	settings["tags"], settings["tests"], settings["patterns"] = tags, tests, patterns
	for name, changed := range settings {
		if key(changed, "salt") == first {
			t.Errorf("the setting %s does not change the key", name)
		}
	}
	if key(cfg, "other") == first {
		t.Error("the salt does not change the key")
	}
}

func TestHeader(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"all", "//go:build x\n\npackage a\n\nimport \"b\"\n\nimport (\n\tc \"d\"\n)\n\nvar x = 1\n", "//go:build x\n\npackage a\n\nimport \"b\"\n\nimport (\n\tc \"d\"\n)"},
		{"no imports", "package a\n\n// F is.\nfunc F() {}\n", "package a"},
		{"one line", "package a; import \"b\"; var x = 1", "package a; import \"b\""},
		{"cgo", "package a\n\n/*\nint x;\n*/\nimport \"C\"\n\nvar x = 1\n", "package a\n\n/*\nint x;\n*/\nimport \"C\""},
		{"a name like the keyword", "package a\n\nimporter()\n", "package a"},
		{"embedded files", "package a\n\nimport _ \"embed\"\n\n//go:embed x.txt\nvar x string\n", "package a\n\nimport _ \"embed\"\n//go:embed x.txt"},
		{"nothing but comments", "// only\n", "// only\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, string(header([]byte(test.src)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The header alone tells the parser the package and the imports that the whole file does.
func FuzzHeader(f *testing.F) {
	f.Add("package a\n\nimport \"b\"\n\nimport (\n\tc \"d\"\n)\n\nvar x = 1\n")
	f.Add("package a; import . `b` /* ; */ ; import(\"c\");func f() {}")
	f.Add("// x\n/* y */ package /* z */ a // import \"q\"\nimport\n\"b\"\n")
	f.Fuzz(func(t *testing.T, src string) {
		whole, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ImportsOnly)
		if err != nil {
			return
		}
		head, err := parser.ParseFile(token.NewFileSet(), "", src[:headerEnd([]byte(src))], parser.ImportsOnly)
		if err != nil {
			t.Fatalf("the header is no Go: %v", err)
		}
		if head.Name.Name != whole.Name.Name || len(head.Imports) != len(whole.Imports) {
			t.Fatalf("the header has package %s and %d imports, the file %s and %d",
				head.Name.Name, len(head.Imports), whole.Name.Name, len(whole.Imports))
		}
		for i, spec := range whole.Imports {
			if head.Imports[i].Path.Value != spec.Path.Value {
				t.Errorf("import %s, want %s", head.Imports[i].Path.Value, spec.Path.Value)
			}
		}
	})
}

func TestWords(t *testing.T) {
	got := words("replace a v1 => \"../with a space\" `./b`\n")
	want := []string{"replace", "a", "v1", "=>", "../with a space", "./b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
