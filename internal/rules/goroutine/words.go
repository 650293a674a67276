// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"go/token"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// valid returns pos, or the function's own position where an instruction has none.
func valid(pos token.Pos, fn *ssa.Function) token.Pos {
	if pos.IsValid() {
		return pos
	}
	return fn.Pos()
}

// endOf returns where a call's syntax ends, or no position.
func endOf(p *program.Program, site ssa.CallInstruction) token.Pos {
	if call := p.CallExpr(site); call != nil {
		return call.End()
	}
	return token.NoPos
}

// startOf returns where a call's statement begins: the go of a go statement, the first letter of a call.
func startOf(p *program.Program, site ssa.CallInstruction) token.Pos {
	if start, ok := site.(*ssa.Go); ok {
		return start.Pos()
	}
	return p.Start(site)
}

// mainOnly tells whether a function runs nowhere but once in the life of the process: in package main, or as a command.
func mainOnly(pass *rule.Pass, fn *ssa.Function) bool {
	set := pass.Program.DomainOf(fn)
	pkg := pass.Program.Package(fn)
	return set.Worst() == program.StartUp && pkg != nil && (pkg.Name == "main" || pass.Program.EntryAt(fn) != nil)
}

// handedStop tells whether a function was handed what could end the work that it starts: a context, or a channel of empty
// structs. What its receiver keeps was not meant for that.
func handedStop(pass *rule.Pass, at ssa.Instruction) bool {
	if found := pass.Effects.Contexts().InReach(at); found != nil && found.Field == nil {
		return true
	}
	return effects.TakesStop(at.Parent())
}
