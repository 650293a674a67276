// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/ast"
	"go/token"
	"regexp"
)

// aboutContexts matches a comment that speaks of contexts and their end; unfinished matches one that says something is
// still to be done.
var (
	aboutContexts = regexp.MustCompile(`(?i)\b(context|ctx|background|cancel\w*|interrupt\w*|outlives?)\b`)
	unfinished    = regexp.MustCompile(`TODO|FIXME|XXX`)
)

// Explained tells whether the comment above the statements that pos stands among, those without an empty line between
// them, says what is meant with a context.
func (p *Program) Explained(pos token.Pos) bool {
	file := p.File(pos)
	if file == nil {
		return false
	}
	line := p.paragraph(pos)
	for _, group := range file.Syntax.Comments {
		if p.Fset.Position(group.End()).Line != line-1 {
			continue
		}
		if text := group.Text(); aboutContexts.MatchString(text) && !unfinished.MatchString(text) {
			return true
		}
	}
	return false
}

// paragraph returns the line of the first statement in the run of statements, without an empty line, that ends with the
// one at pos.
func (p *Program) paragraph(pos token.Pos) int {
	lineOf := func(pos token.Pos) int { return p.Fset.Position(pos).Line }
	first := lineOf(pos)
	for _, n := range p.Enclosing(pos) {
		block, ok := n.(*ast.BlockStmt)
		if !ok {
			continue
		}
		for _, stmt := range block.List {
			if stmt.Pos() <= pos && pos < stmt.End() {
				first = lineOf(stmt.Pos())
			}
		}
		for i := len(block.List) - 1; i >= 0; i-- {
			if stmt := block.List[i]; lineOf(stmt.End()) == first-1 {
				first = lineOf(stmt.Pos())
			}
		}
		return first
	}
	return first
}
