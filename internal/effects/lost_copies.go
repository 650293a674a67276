// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"strconv"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LostCopy is a change of a copy that nobody looks at afterwards: the element of a map or a list stays as it is.
type LostCopy struct {
	// Copied is where the copy is made, Change where a field of it is set.
	Copied, Change *ssa.Store
	// Field is the field, and Of what the copy is one of: "map", "list" or "receiver".
	Field, Of string
}

// LostCopies returns these changes of own code, the first one of each copy, in source order.
func (e *Effects) LostCopies() []LostCopy {
	var out []LostCopy
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				cell, ok := instr.(*ssa.Alloc)
				if !ok || !isStruct(cell.Type()) {
					continue
				}
				u := &copyUses{cell: cell}
				if u.gather(cell, ""); u.escapes || u.copied == nil {
					continue
				}
				for _, change := range u.changes {
					if !u.readAfter(change) {
						out = append(out, LostCopy{Copied: u.copied, Change: change.store, Field: change.field, Of: u.of})
						break
					}
				}
			}
		}
	}
	return out
}

// copyUses is what a function does to a variable that holds a copy.
type copyUses struct {
	cell    *ssa.Alloc
	copied  *ssa.Store
	of      string
	escapes bool
	changes []copyChange
	reads   map[ssa.Instruction]string
}

// copyChange is a store to a field of the copy; path are the numbers of the fields that lead there.
type copyChange struct {
	store       *ssa.Store
	path, field string
}

// gather sorts the uses of the variable, or of a field of it.
func (u *copyUses) gather(addr ssa.Value, path string) {
	for _, ref := range refs(addr) {
		switch x := ref.(type) {
		case *ssa.FieldAddr:
			u.gather(x, path+"."+strconv.Itoa(x.Field))
		case *ssa.UnOp:
			if u.reads == nil {
				u.reads = make(map[ssa.Instruction]string)
			}
			u.reads[x] = path
		case *ssa.Store:
			switch {
			case x.Val == addr:
				u.escapes = true
			case path != "":
				field := addr.(*ssa.FieldAddr)
				u.changes = append(u.changes, copyChange{x, path, program.FieldName(field.X.Type(), field.Field)})
			case u.copied != nil || copySource(x.Val) == "":
				u.escapes = true // it holds several things
			default:
				u.copied, u.of = x, copySource(x.Val)
			}
		case *ssa.DebugRef:
		default:
			u.escapes = true
		}
	}
}

// copySource tells what a struct is a copy of: an element of a map or of a list, or the receiver of a method.
func copySource(v ssa.Value) string {
	switch x := v.(type) {
	case *ssa.Lookup:
		return "map"
	case *ssa.Extract:
		switch from := x.Tuple.(type) {
		case *ssa.Lookup:
			return "map"
		case *ssa.Next:
			if from.IsString || x.Index != 2 {
				return ""
			}
			return "map"
		}
	case *ssa.UnOp:
		if at, ok := x.X.(*ssa.IndexAddr); ok && x.Op == token.MUL {
			if _, isList := at.X.Type().Underlying().(*types.Slice); isList {
				return "list"
			}
		}
	case *ssa.Parameter:
		if fn := x.Parent(); fn.Signature.Recv() != nil && len(fn.Params) > 0 && fn.Params[0] == x {
			return "receiver"
		}
	}
	return ""
}

// readAfter tells whether what a change has stored may be read before the variable holds something else.
func (u *copyUses) readAfter(change copyChange) bool {
	seen := make(map[*ssa.BasicBlock]bool)
	var from func(b *ssa.BasicBlock, start int) bool
	from = func(b *ssa.BasicBlock, start int) bool {
		for _, instr := range b.Instrs[start:] {
			if path, isRead := u.reads[instr]; isRead && Overlaps(path, change.path) {
				return true
			}
			if instr == u.cell || instr == u.copied {
				return false
			}
		}
		for _, succ := range b.Succs {
			if !seen[succ] {
				if seen[succ] = true; from(succ, 0) {
					return true
				}
			}
		}
		return false
	}
	b := change.store.Block()
	return from(b, indexIn(b, change.store)+1)
}
