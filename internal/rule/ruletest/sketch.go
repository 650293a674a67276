// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
)

// forms are what a sketch can be: statements, declarations, or elements of a composite literal.
var forms = []string{"package p\nfunc _() {\n%\n}\n", "package p\n%\n", "package p\nvar _ = T{\n%\n}\n", "package p\ntype _ struct {\n%\n}\n"}

// comment is a comment of a sketch, explained the names that it says the meaning of: "live: the manager's reader";
// elision are the dots that stand for what a reader would have to guess.
var (
	comment   = regexp.MustCompile(`//.*`)
	explained = regexp.MustCompile(`\b(\w+): `)
	elision   = regexp.MustCompile(`…|//.*\.\.\.`)
)

// strangers returns the names of a sketch that its reader does not know: neither the code has them, nor the sketch itself
// says what they are. ok is false where the sketch is no Go, or leaves something out.
func strangers(sketch string, code []string) (names []string, ok bool) {
	file := parseSketch(sketch)
	if file == nil || elision.MatchString(sketch) {
		return nil, false
	}
	known := map[string]bool{"_": true, "T": true, "p": true}
	for _, line := range comment.FindAllString(sketch, -1) {
		for _, m := range explained.FindAllStringSubmatch(line, -1) {
			known[m[1]] = true
		}
	}
	skip := make(map[*ast.Ident]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			skip[n.Sel] = true
			if pkg, ok := n.X.(*ast.Ident); ok && n.Sel.IsExported() && len(pkg.Name) > 2 {
				skip[pkg] = isPackage(pkg.Name)
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				skip[key] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				declare(known, n.Lhs)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				declare(known, []ast.Expr{n.Key, n.Value})
			}
		case *ast.Field:
			for _, name := range n.Names {
				known[name.Name] = true
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				known[name.Name] = true
			}
		case *ast.TypeSpec:
			known[n.Name.Name] = true
		case *ast.FuncDecl:
			known[n.Name.Name] = true
		}
		return true
	})
	ast.Inspect(file, func(n ast.Node) bool {
		id, isIdent := n.(*ast.Ident)
		if !isIdent || skip[id] || known[id.Name] || types.Universe.Lookup(id.Name) != nil || slices.Contains(names, id.Name) {
			return true
		}
		word := regexp.MustCompile(`\b` + regexp.QuoteMeta(id.Name) + `\b`)
		if !slices.ContainsFunc(code, word.MatchString) {
			names = append(names, id.Name)
		}
		return true
	})
	return names, true
}

// parseSketch parses a sketch in the first form that fits; nil where none does.
func parseSketch(sketch string) *ast.File {
	for _, form := range forms {
		if file, err := parser.ParseFile(token.NewFileSet(), "", strings.Replace(form, "%", sketch, 1), parser.SkipObjectResolution); err == nil {
			return file
		}
	}
	return nil
}

func declare(known map[string]bool, names []ast.Expr) {
	for _, e := range names {
		if id, ok := e.(*ast.Ident); ok {
			known[id.Name] = true
		}
	}
}

// isPackage tells whether a name is that of a package that sketches use, whether the file imports it or not.
func isPackage(name string) bool {
	return slices.Contains([]string{
		"apierrors", "backoff", "client", "context", "controllerutil", "ctrl", "errgroup", "errors", "fmt", "grpc", "http", "manager", "maps", "meta", "metav1", "os", "reflect", "retry",
		"signal", "slices", "sync", "syscall", "time", "types", "wait", "math", "filepath", "atomic", "log",
	}, name)
}
