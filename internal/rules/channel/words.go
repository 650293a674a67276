// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// running names what executes fn, as an actor: the goroutine a go statement starts, or the function itself.
func running(p *rule.Pass, fn *ssa.Function) string {
	for _, g := range p.Effects.GoroutinesOf(fn) {
		if g.Start != nil {
			return fmt.Sprintf("goroutine started by %s", program.Name(g.Start.Parent()))
		}
	}
	return program.Name(fn)
}

// often says how many are lost: a reason for the severity.
func often(p *rule.Pass, fn *ssa.Function) string {
	for _, e := range p.Program.EntriesOf(fn) {
		switch e.Kind {
		case program.EntryHTTP, program.EntryGRPC, program.EntryWebhook:
			return fmt.Sprintf("%s runs for every request", program.Name(e.Func))
		case program.EntryReconcile:
			return fmt.Sprintf("%s runs for every object", program.Name(e.Func))
		}
	}
	return ""
}

// finish fills the place, the domain and the name of a report about one operation.
func finish(p *rule.Pass, op *effects.ChannelOp, about string, r rule.Report) {
	r.Func, r.Pos, r.About = op.Func, op.Pos, about
	set := p.Program.DomainOf(op.Func)
	r.Domain = set.Worst()
	r.Proof = set.Proof(r.Domain)
	p.Report(r)
}

// bufferFix gives the channel of a make a buffer of one; ok is false where the make is not a plain make(chan T).
func bufferFix(p *rule.Pass, c *effects.Channel, why string) (fix rule.Fix, ok bool) {
	call := makeCall(p, c.Make)
	if call == nil || len(call.Args) != 1 {
		return rule.Fix{}, false
	}
	return rule.Fix{
		Description: fmt.Sprintf("give %s room for one value: %s", c.Name, why),
		Edits:       []rule.Edit{{Pos: call.Rparen, End: call.Rparen, New: ", 1"}},
	}, true
}

// makeCall returns the syntax of a make, or nil.
func makeCall(p *rule.Pass, m *ssa.MakeChan) *ast.CallExpr {
	file := p.Program.File(m.Pos())
	if file == nil {
		return nil
	}
	var found *ast.CallExpr
	ast.Inspect(file.Syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if ok && (call.Lparen == m.Pos() || call.Pos() == m.Pos()) {
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "make" {
				found = call
			}
		}
		return found == nil
	})
	return found
}

// at renders a position for a sentence: the base name of the file and the line.
func at(p *rule.Pass, pos token.Pos) string {
	file, line, _ := p.Program.Position(pos)
	return fmt.Sprintf("%s:%d", filepath.Base(file), line)
}

// leaving returns the place of an exit: the return statement, or the end of the function where there is none.
func leaving(exit ssa.Instruction) token.Pos {
	if exit.Pos().IsValid() {
		return exit.Pos()
	}
	if syntax := exit.Parent().Syntax(); syntax != nil {
		return syntax.End() - 1
	}
	return exit.Parent().Pos()
}

// verb says what an operation does, for a sentence.
func verb(op *effects.ChannelOp) string {
	switch {
	case op.Kind == effects.ChannelSend:
		return "sends on " + op.Expr
	case op.Kind == effects.ChannelClose:
		return "closes " + op.Expr
	case op.Range:
		return "ranges over " + op.Expr
	}
	return "receives from " + op.Expr
}

// related turns operations into related positions.
func related(ops []*effects.ChannelOp) []rule.Related {
	var out []rule.Related
	for _, op := range ops {
		out = append(out, rule.Related{Func: op.Func, Pos: op.Pos, Message: verb(op)})
	}
	return out
}

// lower returns HIGH, or MEDIUM for what happens once per process.
func lower(p *rule.Pass, fn *ssa.Function) (finding.Severity, string) {
	if p.Effects.OncePerProcess(fn) {
		return finding.Medium, "it happens once per process"
	}
	if why := often(p, fn); why != "" {
		return finding.High, why
	}
	return finding.High, ""
}

// field returns the last name of an operand such as s.done.
func field(expr string) string {
	if i := strings.LastIndexByte(expr, '.'); i >= 0 {
		return expr[i+1:]
	}
	return expr
}
