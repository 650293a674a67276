// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// domain fills in where an instruction runs.
func domain(p *rule.Pass, at ssa.Instruction) (program.Domain, *program.Proof) {
	set := p.Program.DomainAt(at)
	return set.Worst(), set.Proof(set.Worst())
}

// runner names the goroutine that runs fn, for a scenario.
func runner(p *rule.Pass, fn *ssa.Function) (name, runs string) {
	root := p.Program.Concurrency().First(fn)
	if root == nil || root.Func == fn && root.Entry == nil {
		return "goroutine in " + program.Name(fn), program.Name(fn)
	}
	return root.String(), "runs " + program.Name(fn)
}

// route renders the calls that lead from a function to a place: "through A and B", or "".
func route(calls []ssa.CallInstruction) string {
	var names []string
	for _, site := range calls {
		names = append(names, calleeName(site))
	}
	switch n := len(names); {
	case n == 0:
		return ""
	case n > 3:
		names = append(append(names[:1:1], "…"), names[n-1])
	}
	return " through " + strings.Join(names, ", ")
}

// calleeName names what a call runs as the code does.
func calleeName(site ssa.CallInstruction) string {
	if fn := site.Common().StaticCallee(); fn != nil {
		return program.Name(fn)
	}
	if target := program.Target(site); target != nil {
		return target.Name()
	}
	switch v := site.Common().Value.(type) {
	case *ssa.Parameter:
		return v.Name()
	case *ssa.UnOp:
		if field, ok := v.X.(*ssa.FieldAddr); ok {
			return program.FieldName(field.X.Type(), field.Field)
		}
	}
	return "a function value"
}

// verb is the method that takes a lock in a mode, with its lock: c.mu.Lock().
func verb(h memory.Holding) string { return fmt.Sprintf("%s.%s()", lockName(h.Lock), h.Mode) }

// lockName is a lock as the code names it; an embedded mutex goes by its holder.
func lockName(l memory.Lock) string {
	name := l.String()
	for _, embedded := range []string{".Mutex", ".RWMutex"} {
		if short, ok := strings.CutSuffix(name, embedded); ok && short != "" {
			return short
		}
	}
	return name
}

// placeName is a lock by its place; an embedded mutex keeps its name.
func placeName(l memory.Place) string { return l.String() }

// siteOf returns the position of an instruction, or of the nearest one with a position.
func siteOf(instr ssa.Instruction) token.Pos {
	if instr.Pos().IsValid() {
		return instr.Pos()
	}
	for _, operand := range instr.Operands(nil) {
		if *operand != nil && (*operand).Pos().IsValid() && isInstruction(*operand) {
			return (*operand).Pos()
		}
	}
	for _, other := range instr.Block().Instrs {
		if other.Pos().IsValid() {
			return other.Pos()
		}
	}
	return instr.Parent().Pos()
}

// isInstruction tells whether a value is computed where it stands, and not declared elsewhere.
func isInstruction(v ssa.Value) bool {
	_, ok := v.(ssa.Instruction)
	return ok
}
