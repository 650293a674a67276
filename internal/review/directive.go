// SPDX-License-Identifier: Apache-2.0

package review

import (
	"bytes"
	"go/ast"
	"regexp"
	"strings"

	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/program"
)

// directive is a comment that silences findings:
//
//	//replicavet:ignore rmw/unlocked-patch,clock/zone until=2027-01-31 reason
//	//nolint:replicavet // reason
//
// It covers its own line and, when nothing else stands there, the next one; in the doc comment of a function it covers
// all of the function.
type directive struct {
	// Kind is directive or nolint, as in finding.Suppression.
	Kind string
	File string
	Line int
	// From and To are the lines that it covers.
	From, To int
	Package  string
	Function string
	// Rules are ids of rules or families; none covers all rules.
	Rules []string
	// Until is the last day on which it holds, as written; it may be empty, and it may be no date.
	Until  string
	Reason string
	// Start and End are the bytes to take out of the file when the comment goes; none where it is for others, too.
	Start, End int
	// Other is set for a nolint comment that names other linters.
	Other bool
}

const ignoreMark = "//replicavet:ignore"

// nolintMark matches the list of linters of a nolint comment, and what follows it.
var nolintMark = regexp.MustCompile(`^//\s*nolint:([\w,\s-]+?)\s*(?://\s*(.*))?$`)

// parseDirective reads a comment, and tells whether it is a directive for this tool at all.
func parseDirective(comment string) (d directive, ok bool) {
	if rest, ok := strings.CutPrefix(comment, ignoreMark); ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t') {
		d.Kind = "directive"
		words := strings.Fields(rest)
		if len(words) > 0 {
			d.Rules, words = strings.Split(words[0], ","), words[1:]
		} else {
			d.Rules = []string{""} // a rule must be named: an empty one is unknown
		}
		if len(words) > 0 {
			if until, ok := strings.CutPrefix(words[0], "until="); ok {
				d.Until, words = until, words[1:]
			}
		}
		d.Reason = strings.Join(words, " ")
		return d, true
	}
	if m := nolintMark.FindStringSubmatch(comment); m != nil {
		for linter := range strings.SplitSeq(m[1], ",") {
			if strings.EqualFold(strings.TrimSpace(linter), "replicavet") {
				return directive{Kind: "nolint", Reason: strings.TrimSpace(m[2]), Other: strings.Contains(m[1], ",")}, true
			}
		}
	}
	return directive{}, false
}

// directives collects the directives of the reviewed code, in the order of packages, files and lines.
func directives(p *program.Program) []directive {
	var all []directive
	for _, pkg := range p.Code.Packages {
		for _, file := range pkg.Files {
			// Most files have none, and looking for the word is cheaper than walking the comments.
			if bytes.Contains(file.Source, []byte("replicavet")) {
				all = append(all, fileDirectives(p, pkg, file)...)
			}
		}
	}
	return all
}

func fileDirectives(p *program.Program, pkg *load.Package, file *load.File) []directive {
	var all []directive
	for _, group := range file.Syntax.Comments {
		for _, comment := range group.List {
			d, ok := parseDirective(comment.Text)
			if !ok {
				continue
			}
			d.Package = pkg.Path
			var column int
			d.File, d.Line, column = p.Position(comment.Pos())
			d.From, d.To = d.Line, d.Line
			offset := p.Fset.Position(comment.Pos()).Offset
			d.Start, d.End = extent(file.Source, offset, offset+len(comment.Text))
			if alone(file.Source, offset, column) {
				_, end, _ := p.Position(group.End())
				d.To = end + 1
			}
			if fn := enclosing(file.Syntax, comment); fn != nil {
				d.Function = funcName(fn)
				if fn.Doc == group {
					_, d.To, _ = p.Position(fn.End())
				}
			}
			all = append(all, d)
		}
	}
	return all
}

// extent is what goes with a comment: the blanks before it, and its line where nothing else stands there.
func extent(src []byte, start, end int) (int, int) {
	for start > 0 && (src[start-1] == ' ' || src[start-1] == '\t') {
		start--
	}
	if end < len(src) && src[end] == '\n' && (start == 0 || src[start-1] == '\n') {
		end++
	}
	return start, min(end, len(src))
}

// alone tells whether only blanks stand before the comment on its line.
func alone(src []byte, offset, column int) bool {
	start := offset - (column - 1)
	return start >= 0 && offset <= len(src) && len(bytes.TrimSpace(src[start:offset])) == 0
}

// enclosing returns the function declaration that holds the comment, in its body or as its doc.
func enclosing(file *ast.File, comment *ast.Comment) *ast.FuncDecl {
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		start := fn.Pos()
		if fn.Doc != nil {
			start = fn.Doc.Pos()
		}
		if start <= comment.Pos() && comment.Pos() < fn.End() {
			return fn
		}
	}
	return nil
}

// funcName is the name of a declared function as findings have it: F, T.M, (*T).M.
func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	typ := fn.Recv.List[0].Type
	star, pointer := typ.(*ast.StarExpr)
	if pointer {
		typ = star.X
	}
	switch generic := typ.(type) {
	case *ast.IndexExpr:
		typ = generic.X
	case *ast.IndexListExpr:
		typ = generic.X
	}
	name, ok := typ.(*ast.Ident)
	switch {
	case !ok:
		return fn.Name.Name
	case pointer:
		return "(*" + name.Name + ")." + fn.Name.Name
	}
	return name.Name + "." + fn.Name.Name
}
