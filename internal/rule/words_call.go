// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// Call is the call in one line; a comment says where what is too long for it stands.
func (w *Words) Call() string {
	if w.call == nil {
		return w.missing()
	}
	return w.brief(w.call, longCall)
}

// missing takes the place of a call that the code does not show, such as one that a value of a function's type makes.
func (w *Words) missing() string { return "again( /* what line " + w.line(w.at) + " does */ )" }

// brief spells an expression in one line of about the given width.
func (w *Words) brief(e ast.Expr, width int) string {
	if text := w.p.Source(e); len(text) <= width && !strings.Contains(text, "\n") {
		return text
	}
	there := "/* as in line " + w.line(e.Pos()) + " */"
	switch e := e.(type) {
	case *ast.CallExpr:
		if w.p.Source(e) == w.p.Source(e.Fun)+"()" {
			break
		}
		args := make([]string, len(e.Args))
		for i, arg := range e.Args {
			args[i] = w.brief(arg, longCall/2)
		}
		if text := w.brief(e.Fun, longCall/2) + "(" + strings.Join(args, ", ") + dots(e) + ")"; len(text) <= 2*longCall {
			return text
		}
		return w.brief(e.Fun, longCall/2) + "( " + there + " )"
	case *ast.FuncLit:
		return w.p.Source(e.Type) + " { " + there + " }"
	case *ast.CompositeLit:
		if e.Type != nil {
			return w.p.Source(e.Type) + "{ " + there + " }"
		}
	case *ast.UnaryExpr:
		return e.Op.String() + w.brief(e.X, width)
	case *ast.SelectorExpr:
		return w.brief(e.X, width) + "." + e.Sel.Name
	}
	return strings.Join(strings.Fields(w.p.Source(e)), " ")
}

// dots are those behind the last argument of a call that hands a list on.
func dots(call *ast.CallExpr) string {
	if call.Ellipsis.IsValid() {
		return "..."
	}
	return ""
}

// line is the line of a position.
func (w *Words) line(pos token.Pos) string { return strconv.Itoa(w.p.Fset.Position(pos).Line) }

// Results is how many results the call has.
func (w *Words) Results() int {
	if w.call == nil {
		return 0
	}
	switch t := w.p.TypeOf(w.call).(type) {
	case nil:
		return 0
	case *types.Tuple:
		return t.Len()
	}
	return 1
}

// Only is the one argument of the call; "" where it has more, or none.
func (w *Words) Only() string {
	if w.call == nil || len(w.call.Args) != 1 {
		return ""
	}
	return w.p.Source(w.call.Args[0])
}

// longCall is the longest call that a sketch repeats.
const longCall = 120

// With is the call with other arguments: put returns what stands in the place of one, or "" to leave it.
func (w *Words) With(put func(arg ast.Expr, t types.Type) string) string {
	if w.call == nil {
		return w.missing()
	}
	args := make([]string, len(w.call.Args))
	for i, arg := range w.call.Args {
		if args[i] = put(arg, w.p.TypeOf(arg)); args[i] == "" {
			args[i] = w.brief(arg, longCall/2)
		}
	}
	return w.brief(w.call.Fun, longCall) + "(" + strings.Join(args, ", ") + dots(w.call) + ")"
}

// Through is the call through another client, with the same arguments.
func (w *Words) Through(client string) string {
	recv := w.receiver()
	if recv == nil {
		return client + "." + w.missing()
	}
	rest, ok := strings.CutPrefix(w.Call(), w.p.Source(recv))
	if !ok {
		return client + "." + w.missing()
	}
	return client + rest
}

// Instead is a call of another function with one more argument before those of the call; the same function where other is
// empty.
func (w *Words) Instead(other, first string) string {
	if w.call == nil {
		return cmp.Or(other, "again") + "(" + first + " /* and what line " + w.line(w.at) + " gives it */ )"
	}
	args := []string{first}
	for _, arg := range w.call.Args {
		args = append(args, w.brief(arg, longCall/2))
	}
	return cmp.Or(other, w.brief(w.call.Fun, longCall)) + "(" + strings.Join(args, ", ") + dots(w.call) + ")"
}
