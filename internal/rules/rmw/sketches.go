// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"go/ast"
	"go/types"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

const clientPackage = "sigs.k8s.io/controller-runtime/pkg/client"

// tryAgain reads, changes and writes again after a conflict of a write.
func tryAgain(w *rule.Words) string {
	return w.Fill("err := $retry.RetryOnConflict($retry.DefaultRetry, func() error {\n$reread\n\t// decide again, and change $obj\n\t$write\n})",
		"reread", rule.Indent(w.Reread()), "write", answer(w))
}

// answer returns the error of a call, which may answer with an object before it.
func answer(w *rule.Words) string {
	if w.Results() > 1 {
		return w.Fill("_, err = $call\n\treturn err")
	}
	return w.Fill("return $call")
}

// lockedAgain reads, changes and patches again, with the version of what was read, after a conflict.
func lockedAgain(pass *rule.Pass, st *stake) string {
	w := pass.Words(st.story.Write.Origin)
	change := pass.Words(st.change.Origin).Statement()
	if change == "" {
		change = "// set " + st.field + " from what was read"
	}
	return w.Fill("err := $retry.RetryOnConflict($retry.DefaultRetry, func() error {\n$reread\n\tbase := $obj.DeepCopy()\n\t$change\n\treturn $patch\n})",
		"reread", rule.Indent(w.Reread()), "change", change, "patch", withLock(w))
}

// lockedWrite patches with the version of what was read.
func lockedWrite(w *rule.Words) string {
	return w.Fill("base := $obj.DeepCopy() // behind the read, before the first change\n// the changes, as they are\nreturn $patch", "patch", withLock(w))
}

// withLock is the patch of a call with the version of its base.
func withLock(w *rule.Words) string {
	return w.With(func(_ ast.Expr, t types.Type) string {
		if !program.IsNamed(t, clientPackage, "Patch") {
			return ""
		}
		return w.Fill("$client.MergeFromWithOptions(base, $client.$lock{})", "lock", lockOption)
	})
}

// readName is the object that a story reads first.
func readName(pass *rule.Pass, s *effects.Story) string {
	if reads := s.Reads(); len(reads) > 0 {
		return pass.Words(reads[0].Origin).Object()
	}
	return "read"
}

// resultName is the name of a function's error result, or one to give it.
func resultName(fn *ssa.Function) string {
	results := fn.Signature.Results()
	if n := results.Len(); n > 0 && results.At(n-1).Name() != "" && results.At(n-1).Name() != "_" {
		return results.At(n - 1).Name()
	}
	return "reterr"
}

// isAnother asks whether a field has another value than was; ones that Go can't compare are compared in depth.
func isAnother(field string, t types.Type) string {
	if t != nil && !types.Comparable(t) {
		return "!reflect.DeepEqual(" + field + ", was)"
	}
	return field + " != was"
}
