// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"go/ast"
	"strings"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// IndexFunctionWaits reports an index function of an informer that asks another machine.
var IndexFunctionWaits = &rule.Rule{
	ID:        "mutex/index-function-waits",
	Title:     "an index function makes a network call under the lock of its store",
	Checklist: []string{"4.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "index_function_waits.md"),
	Check:     indexFunctionWaits,
}

func indexFunctionWaits(p *rule.Pass) {
	for _, index := range p.Program.Indexes() {
		if !p.Watched(index.Func) || p.Program.InTest(index.Func) {
			continue
		}
		if block := firstRemote(p, index.Func); block != nil {
			tellIndex(p, index, block)
		}
	}
}

// firstRemote returns the first call of a function, itself or further down, that waits for another machine.
func firstRemote(p *rule.Pass, fn *ssa.Function) *memory.Block {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			for _, block := range locks(p).BlocksAt(instr) {
				if block.Kind.Remote() && !onceOnly(block) {
					return block
				}
			}
		}
	}
	return nil
}

// fromObjectAlone is the index function as it is declared, with keys that the object has.
func fromObjectAlone(p *rule.Pass, fn *ssa.Function) string {
	head := "func(obj any) ([]string, error)"
	switch syntax := fn.Syntax().(type) {
	case *ast.FuncLit:
		head = p.Program.Source(syntax.Type)
	case *ast.FuncDecl:
		head = p.Program.Source(&ast.FuncDecl{Recv: syntax.Recv, Name: syntax.Name, Type: syntax.Type})
	}
	keys := p.WordsIn(fn).Return("nil")
	return head + " {\n\t" + strings.Replace(keys, "return nil", "return []string{key}", 1) + " // key: computed from the object alone\n}"
}

func tellIndex(p *rule.Pass, index program.Index, block *memory.Block) {
	at := block.At
	if block.Call != nil {
		at = block.Call
	}
	name, callee := program.Name(index.Func), calleeName(block.At.(ssa.CallInstruction))
	s := rule.NewScenario()
	first := s.Actor("goroutine of the informer", "puts an object into the store")
	second := s.Actor("anybody", "reads the store through a lister or a cached client")
	first.Step(index.At.Pos(), "calls "+name+" for the object", "the lock of the store is held")
	first.Step(siteOf(block.At), fmt.Sprintf("calls %s%s", callee, route(block.Path())), "the other machine does not answer for a while")
	second.Step(index.At.Pos(), "asks the store for an object", "waits as long")
	s.Outcome("no reader gets anything from the store until the call returns or times out, and that for each object")

	where, proof := domain(p, at)
	p.Report(rule.Report{
		Func: index.Func, Pos: siteOf(at), About: callee,
		Severity: finding.High, Reason: "all readers of the store wait for another machine, once an object",
		Message: fmt.Sprintf("%s is an index function: the store calls it with its lock held, and it calls %s%s; all readers of the store wait as long as that takes",
			name, callee, route(block.Path())),
		Domain: where, Proof: proof,
		Related: []rule.Related{
			{Func: index.At.Parent(), Pos: index.At.Pos(), Message: "the store is told of the function here"},
			{Func: block.At.Parent(), Pos: siteOf(block.At), Message: "the call is here"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "compute the keys from the object alone, and do the rest in the reconciler",
			Sketch:      fromObjectAlone(p, index.Func),
		},
	})
}
