// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ownKeyDepth bounds the calls that are followed back from an access to a test of the name.
const ownKeyDepth = 4

// underOwnKey tells whether workers of a queue come to an instruction for one key only: the object has the name that they know as
// their own, as that of the node they run on. The queue hands a key to one worker at a time.
func (m *Memory) underOwnKey(instr ssa.Instruction, of *program.Root) bool {
	takesKeys := of.Entry != nil && of.Entry.Kind == program.EntryReconcile || m.Program.TakesKeys(of.Func)
	return takesKeys && m.behindOwnName(instr, of, 0)
}

// behindOwnName tells whether all ways of a goroutine to an instruction lead by a test that has found an object's name to be the
// one that the receiver keeps.
func (m *Memory) behindOwnName(instr ssa.Instruction, of *program.Root, depth int) bool {
	block := instr.Block()
	for at := block.Idom(); at != nil; at = at.Idom() {
		branch, ok := at.Instrs[len(at.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		if same := m.ownNameIf(branch); same != nil && len(same.Preds) == 1 && same.Dominates(block) {
			return true
		}
	}
	fn := instr.Parent()
	if fn == of.Func || depth > ownKeyDepth {
		return false
	}
	some := false
	for _, e := range m.Program.Callers(fn) {
		if !m.Program.Concurrency().Runs(of, e.Caller()) {
			continue
		}
		if e.How != program.Calls || !m.behindOwnName(e.Site, of, depth+1) {
			return false
		}
		some = true
	}
	return some
}

// ownNameIf returns the block that runs where a branch has found an object's name to be the receiver's own, or nil.
func (m *Memory) ownNameIf(branch *ssa.If) *ssa.BasicBlock {
	test, ok := branch.Cond.(*ssa.BinOp)
	if !ok || !(m.isOwnText(test.X) && isObjectName(test.Y) || isObjectName(test.X) && m.isOwnText(test.Y)) {
		return nil
	}
	switch test.Op {
	case token.EQL:
		return branch.Block().Succs[0]
	case token.NEQ:
		return branch.Block().Succs[1]
	}
	return nil
}

// isOwnText tells whether a value is read from a text field of the receiver of its function.
func (m *Memory) isOwnText(v ssa.Value) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return false
	}
	field, ok := load.X.(*ssa.FieldAddr)
	if !ok || load.Parent().Signature.Recv() == nil || m.Locks.place.refOf(field.X) != (Ref{Root: load.Parent().Params[0]}) {
		return false
	}
	basic, ok := load.Type().Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsString != 0
}

// isObjectName tells whether a value is the name of an API object or of a request to reconcile one.
func isObjectName(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.UnOp:
		field, ok := x.X.(*ssa.FieldAddr)
		return ok && namesObject(field.X.Type(), field.Field)
	case *ssa.Field:
		return namesObject(x.X.Type(), x.Field)
	case *ssa.Call:
		target := program.Target(x)
		return target != nil && target.Name() == "GetName" && target.Signature().Params().Len() == 0
	}
	return false
}

func namesObject(holder types.Type, index int) bool {
	named := program.Named(holder)
	if named == nil || named.Obj().Pkg() == nil || program.FieldName(holder, index) != "Name" {
		return false
	}
	return named.Obj().Name() == "ObjectMeta" || named.Obj().Name() == "NamespacedName"
}
