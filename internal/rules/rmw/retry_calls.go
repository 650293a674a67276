// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// harmless tells whether a call can be made again: it computes, asks the request, or changes the object in memory.
func (t *tail) harmless(call *ast.CallExpr) bool {
	fun := ast.Unparen(call.Fun)
	tv := t.info.Types[fun]
	if tv.IsType() {
		return true
	}
	id, _ := fun.(*ast.Ident)
	sel, selects := fun.(*ast.SelectorExpr)
	if selects {
		id = sel.Sel
	}
	if id == nil {
		return false
	}
	if tv.IsBuiltin() {
		return slices.Contains([]string{"append", "cap", "len", "make", "max", "min", "new"}, id.Name) || id.Name == "delete" && t.ofObject(call.Args[0])
	}
	fn, ok := t.info.Uses[id].(*types.Func)
	if !ok || fn.Pkg() == nil {
		return false
	}
	name, path := fn.Name(), fn.Pkg().Path()
	if fn.Signature().Recv() != nil {
		switch path {
		case "net/http":
			return name == "Context" || name == "PathValue" || name == "FormValue"
		case "k8s.io/apimachinery/pkg/apis/meta/v1":
			return strings.HasPrefix(name, "Get") || selects && t.ofObject(sel.X)
		}
		return name == "DeepCopy"
	}
	switch path {
	case "strings", "strconv":
		return true
	case "errors":
		return name == "New" || name == "Is" // As puts the error into a variable of before
	case "k8s.io/apimachinery/pkg/api/errors":
		return strings.HasPrefix(name, "Is") // a conflict that is made here would be retried
	case "fmt":
		return name == "Errorf" || name == "Sprintf"
	case "time":
		return name == "Now" || name == "Since"
	case "k8s.io/apimachinery/pkg/apis/meta/v1":
		return name == "Now" || name == "NewTime"
	case "k8s.io/apimachinery/pkg/api/meta":
		return strings.HasPrefix(name, "IsStatusCondition") || strings.HasSuffix(name, "StatusCondition") && t.ofObject(call.Args[0])
	case "sigs.k8s.io/controller-runtime/pkg/client":
		return name == "IgnoreNotFound" || name == "ObjectKeyFromObject"
	case "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil":
		return strings.HasSuffix(name, "Finalizer") && t.ofObject(call.Args[0])
	}
	return false
}

// importRetry returns the name of the package that retries, at a position, with the edit that imports it where the file does
// not. The name is "" where it means something else, or the imports are not spelled as a list.
func importRetry(pass *rule.Pass, pkg *types.Package, at token.Pos) (string, []rule.Edit) {
	scope := pkg.Scope().Innermost(at)
	if scope == nil {
		return "", nil
	}
	if name := pass.Program.ImportName(at, retryPackage); name != "" {
		_, obj := scope.LookupParent(name, at)
		if used, ok := obj.(*types.PkgName); !ok || used.Imported().Path() != retryPackage {
			return "", nil // hidden by a variable
		}
		return name, nil
	}
	if _, taken := scope.LookupParent("retry", at); taken != nil || pass.Program.Code.Deps[retryPackage] == nil {
		return "", nil // or a module that may not have it: a vendor directory holds only what is imported
	}
	behind := lastImport(pass.Program, at)
	if !behind.IsValid() {
		return "", nil
	}
	return "retry", []rule.Edit{{Pos: behind, End: behind, New: "\n\t" + strconv.Quote(retryPackage)}}
}

// lastImport returns where an import of Kubernetes can be added to the list of a file: behind its last one, or at the end.
func lastImport(p *program.Program, at token.Pos) token.Pos {
	var behind token.Pos
	kubernetes := false
	for _, decl := range p.File(at).Syntax.Decls {
		list, ok := decl.(*ast.GenDecl)
		if !ok || list.Tok != token.IMPORT || !list.Lparen.IsValid() {
			continue
		}
		for _, s := range list.Specs {
			spec := s.(*ast.ImportSpec)
			own := strings.HasPrefix(spec.Path.Value, `"k8s.io/`)
			if spec.Comment == nil && (own || !kubernetes) {
				behind, kubernetes = spec.End(), own
			}
		}
	}
	return behind
}
