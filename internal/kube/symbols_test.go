// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// declared is what a package's sources declare: functions, variables and types by name, methods (an interface's too)
// and struct fields as Type.Name.
type declared map[string]*declaration

// declaration knows the parameters if the symbol is a function or a method.
type declaration struct {
	isFunc bool
	params []ast.Expr // their types, the context left out
}

// readPackage parses the Go files of dir, whatever their build tags, without tests.
func readPackage(dir string) (declared, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	decls := make(declared)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parsing %s: %w", name, err)
		}
		decls.addFile(f)
	}
	return decls, nil
}

func (d declared) addFile(f *ast.File) {
	for _, decl := range f.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			name := decl.Name.Name
			if decl.Recv != nil {
				name = typeName(decl.Recv.List[0].Type) + "." + name
			}
			d.addFunc(name, decl.Type)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				d.addSpec(spec)
			}
		}
	}
}

func (d declared) addSpec(spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			d.add(name.Name)
		}
	case *ast.TypeSpec:
		d.add(spec.Name.Name)
		switch t := spec.Type.(type) {
		case *ast.StructType:
			d.addMembers(spec.Name.Name, t.Fields)
		case *ast.InterfaceType:
			d.addMembers(spec.Name.Name, t.Methods)
		}
	}
}

func (d declared) addMembers(owner string, members *ast.FieldList) {
	for _, m := range members.List {
		for _, name := range m.Names {
			if fn, ok := m.Type.(*ast.FuncType); ok {
				d.addFunc(owner+"."+name.Name, fn)
				continue
			}
			d.add(owner + "." + name.Name)
		}
	}
}

func (d declared) add(name string) {
	if d[name] == nil {
		d[name] = &declaration{}
	}
}

func (d declared) addFunc(name string, fn *ast.FuncType) {
	decl := &declaration{isFunc: true}
	for _, p := range fn.Params.List {
		if isContext(p.Type) {
			continue
		}
		for range max(1, len(p.Names)) {
			decl.params = append(decl.params, p.Type)
		}
	}
	d[name] = decl
}

func isContext(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "Context" // package context itself
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		return ok && x.Name == "context" && e.Sel.Name == "Context"
	}
	return false
}

// isBasic reports whether a type is one of strings, numbers and booleans, which no object, function or client is.
func isBasic(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	if !ok {
		return false
	}
	switch id.Name {
	case "string", "bool", "int", "int32", "int64", "uint", "uint32", "uint64", "byte", "float64":
		return true
	}
	return false
}

// typeName returns the name of a receiver's type.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
