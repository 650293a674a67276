// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const usesLibraries = `package a

import (
	"cmp"
	"context"
	"encoding/json"
	"go/token"
	"iter"
	"math"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"
)

type A struct {
	http.Server
	atomic.Pointer[A]
	time.Duration
}

const C, D = math.Pi * math.MaxInt64, token.ADD

func F(ctx context.Context, s iter.Seq[json.Number]) []json.Number { return slices.SortedFunc(s, cmp.Compare[json.Number]) }

var _ = unsafe.Sizeof(A{})
`

// What is known of dependencies does not depend on where it comes from.
func TestKeptTypes(t *testing.T) {
	root := module(t, map[string]string{"a.go": usesLibraries})
	store := OpenStore(t.TempDir())
	var want []string
	for run := range 3 {
		code, err := Load(context.Background(), Config{Dir: root, Cache: store})
		if err != nil || len(code.Errors) > 0 {
			t.Fatal(err, code.Errors)
		}
		got := exported(code)
		if run == 0 {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("run %d sees other types: %s", run, diff)
		}
	}
}

// exported describes what dependencies export, with the file and line of each.
func exported(code *Code) []string {
	var all []string
	for _, pkg := range code.Packages {
		for _, imported := range pkg.Types.Imports() {
			if imported == types.Unsafe {
				continue
			}
			for _, name := range imported.Scope().Names() {
				obj := imported.Scope().Lookup(name)
				if obj.Exported() {
					all = append(all, describe(code.Fset, obj))
				}
			}
		}
	}
	return all
}

func describe(fset *token.FileSet, obj types.Object) string {
	at := fset.Position(obj.Pos())
	text := fmt.Sprintf("%s:%d %s complete %t", at.Filename, at.Line, obj, obj.Pkg().Complete())
	if c, ok := obj.(*types.Const); ok {
		text += " = " + c.Val().String()
	}
	if _, ok := obj.(*types.TypeName); ok {
		text += " " + obj.Type().Underlying().String()
		for sel := range types.NewMethodSet(types.NewPointer(obj.Type())).Methods() {
			text += "\n\t" + sel.String()
		}
	}
	return strings.ReplaceAll(text, "interface{}", "any") // two names of one type
}

// The second run does without the source of the dependencies.
func TestKeptTypesAreUsed(t *testing.T) {
	root := module(t, map[string]string{"a.go": usesLibraries})
	store := OpenStore(t.TempDir())
	for run, source := range []bool{true, false} {
		code, err := Load(context.Background(), Config{Dir: root, Cache: store})
		if err != nil {
			t.Fatal(err)
		}
		column := code.Fset.Position(code.Deps["time"].Scope().Lookup("Now").Pos()).Column
		if got := column > 1; got != source { // export data keeps lines only
			t.Errorf("run %d: from source is %t, want %t", run, got, source)
		}
	}
}

// Messages about dependencies are those of the source, however often it is asked.
func TestKeptTypesOfBrokenCode(t *testing.T) {
	root := module(t, map[string]string{"a.go": usesLibraries})
	store := OpenStore(t.TempDir())
	load := func() []Error {
		code, err := Load(context.Background(), Config{Dir: root, Cache: store})
		if err != nil {
			t.Fatal(err)
		}
		return code.Errors
	}
	load()
	broken := usesLibraries + "\nvar _ = time.sleep\n\nvar _ = json.unknown\n"
	if err := os.WriteFile(filepath.Join(root, "a.go"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	code, err := Load(context.Background(), Config{Dir: root})
	if err != nil || len(code.Errors) != 2 {
		t.Fatal(err, code.Errors)
	}
	if diff := cmp.Diff(code.Errors, load()); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeTypesDamaged(t *testing.T) {
	pkg := types.NewPackage("example.com/p", "p")
	pkg.Scope().Insert(types.NewVar(token.NoPos, pkg, "V", types.Typ[types.Int]))
	data, err := encodeTypes(token.NewFileSet(), []*types.Package{pkg})
	if err != nil {
		t.Fatal(err)
	}
	if pkgs, err := decodeTypes(token.NewFileSet(), data); err != nil || pkgs["example.com/p"].Scope().Lookup("V") == nil {
		t.Errorf("%v, %v, want package p with V", pkgs, err)
	}
	for i := range data {
		if _, err := decodeTypes(token.NewFileSet(), data[:i]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for all", i, len(data))
		}
	}
}
