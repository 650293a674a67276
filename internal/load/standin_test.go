// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestModuleThatCannotBeHad lists a module whose graph has a hole: what does not need the missing module is reviewed,
// the missing one is told, and the tree stays as it was.
func TestModuleThatCannotBeHad(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "m")
	const goMod = "module example.com/m\n\ngo 1.16\n\nrequire example.com/dep v0.0.0\n\nreplace example.com/dep => ../dep\n"
	for name, text := range map[string]string{
		"dep/go.mod": "module example.com/dep\n\ngo 1.16\n\nrequire example.com/missing v1.0.0\n",
		"dep/x/x.go": "package x\n\nfunc New() int { return 1 }\n",
		"m/go.mod":   goMod,
		"m/a/a.go":   "package a\n\nimport \"example.com/dep/x\"\n\nvar X = x.New()\n",
		"m/b/b.go":   "package b\n\nfunc B() {}\n",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=-mod=mod")
	code, err := Load(context.Background(), Config{Dir: dir, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, pkg := range code.Packages {
		paths = append(paths, pkg.Path)
	}
	if want := []string{"example.com/m/a", "example.com/m/b"}; !slices.Equal(paths, want) {
		t.Errorf("packages %v, want %v", paths, want)
	}
	if slices.ContainsFunc(code.Packages, func(p *Package) bool { return p.IllTyped }) {
		t.Errorf("what needs nothing of the missing module is ill-typed: %v", code.Errors)
	}
	told := slices.ContainsFunc(code.Errors, func(e Error) bool { return strings.Contains(e.Msg, "example.com/missing") })
	if !told {
		t.Errorf("nothing tells of the missing module: %v", code.Errors)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "go.mod")); err != nil || string(data) != goMod {
		t.Errorf("go.mod was changed to %q (%v)", data, err)
	}
}

func TestUnreadable(t *testing.T) {
	const message = `go: example.com/a@v1.0.0 requires
	example.com/b@v1.2.3 requires
	vanity.test/util@v0.0.0-20160121211510-db5cfe13f5cc: reading https://proxy.test/x.mod: 403 Forbidden`
	m := unreadable.FindAllStringSubmatch(message, -1)
	if len(m) != 1 || m[0][1] != "vanity.test/util" || m[0][2] != "v0.0.0-20160121211510-db5cfe13f5cc" {
		t.Errorf("found %v, want vanity.test/util alone", m)
	}
}
