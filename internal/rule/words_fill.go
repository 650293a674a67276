// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"go/types"
	"os"
	"strings"
)

// customary are the packages that a sketch names, by the names that most files import them under.
var customary = map[string]string{
	"apierrors":      "k8s.io/apimachinery/pkg/api/errors",
	"client":         "sigs.k8s.io/controller-runtime/pkg/client",
	"controllerutil": "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil",
	"ctrl":           "sigs.k8s.io/controller-runtime",
	"meta":           "k8s.io/apimachinery/pkg/api/meta",
	"metav1":         "k8s.io/apimachinery/pkg/apis/meta/v1",
	"retry":          "k8s.io/client-go/util/retry",
}

// Fill puts the code's words into a sketch, where they stand as
//
//   - $ctx, $parent (a context to derive from), $done (what ends the work), $ended (the case for it), $over (a wait for it)
//   - $c (the client), $obj (the object), $ref (the object as it is handed on), $key, $reread (the object, before another attempt)
//   - $call, $stmt, $err, $return (with err)
//   - the customary name of a package, such as $apierrors.
//
// more are further words, each followed by what stands for it. A word that stands for nothing is a defect of the rule, and a panic.
func (w *Words) Fill(sketch string, more ...string) string {
	return os.Expand(sketch, func(word string) string {
		for i := 0; i+1 < len(more); i += 2 {
			if more[i] == word {
				return more[i+1]
			}
		}
		switch word {
		case "ctx":
			return w.Ctx()
		case "done":
			return w.Done()
		case "ended":
			return w.Ended()
		case "over":
			return strings.TrimPrefix(strings.Replace(w.Ended(), ":", "", 1), "case ")
		case "parent":
			return w.Parent()
		case "err":
			return w.Err()
		case "c":
			return w.Client()
		case "obj":
			return w.Object()
		case "ref":
			return w.Ref()
		case "key":
			return w.Key()
		case "call":
			return w.Call()
		case "stmt":
			return w.Statement()
		case "reread":
			return w.Reread()
		case "return":
			return w.Return("err")
		}
		if path, ok := customary[word]; ok {
			return w.Import(path, word)
		}
		panic("a sketch has the word $" + word + ", which stands for nothing")
	})
}

// Reread reads the object of the call again, in a function that returns an error alone.
func (w *Words) Reread() string {
	if w.typed() {
		return w.Fill("$obj, err := $c.Get($ctx, $obj.Name, $metav1.GetOptions{})\nif err != nil {\n\treturn err\n}")
	}
	return w.Fill("if err := $c.Get($ctx, $key, $ref); err != nil {\n\treturn err\n}")
}

// typed tells whether the call goes through a client of one kind, which answers with the object.
func (w *Words) typed() bool {
	recv := w.receiver()
	if recv == nil {
		return false
	}
	t := w.p.TypeOf(recv)
	if t == nil {
		return false
	}
	get, _, _ := types.LookupFieldOrMethod(t, true, nil, "Get")
	fn, ok := get.(*types.Func)
	if !ok {
		return false
	}
	params := fn.Signature().Params()
	return params.Len() > 1 && types.Identical(params.At(1).Type(), types.Typ[types.String])
}

// Indent moves the lines of a part of a sketch to the right.
func Indent(text string) string { return "\t" + strings.ReplaceAll(text, "\n", "\n\t") }
