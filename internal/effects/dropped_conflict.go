// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// dropsConflict tells whether the branch that a conflict takes only leaves, as if all were well: it tells nobody, asks for
// nothing and comes round to nothing.
func (e *Effects) dropsConflict(test *ssa.Call) bool {
	branches := 0
	for _, ref := range *test.Referrers() {
		branch, ok := ref.(*ssa.If)
		at := 0
		if not, isNot := ref.(*ssa.UnOp); isNot && not.Op == token.NOT && len(*not.Referrers()) == 1 {
			branch, ok = (*not.Referrers())[0].(*ssa.If)
			at = 1
		}
		if !ok || !e.onlyLeaves(branch.Block().Succs[at]) {
			return false
		}
		branches++
	}
	return branches > 0
}

// onlyLeaves tells whether a block, which nothing else leads to, ends the function with success and does nothing on the way
// but write to the log.
func (e *Effects) onlyLeaves(b *ssa.BasicBlock) bool {
	for range 4 {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Call:
				if _, builtin := x.Call.Value.(*ssa.Builtin); !builtin && !logs(x) {
					return false
				}
			case *ssa.Go, *ssa.Send, *ssa.Panic, *ssa.MapUpdate, *ssa.Phi:
				return false
			case *ssa.Store:
				if !localStore(x) {
					return false
				}
			case *ssa.Return:
				return leavesWell(x)
			}
		}
		if len(b.Succs) != 1 {
			return false
		}
		b = b.Succs[0]
	}
	return false
}

// localStore tells whether a store fills an argument of a call.
func localStore(st *ssa.Store) bool {
	_, ok := st.Addr.(*ssa.IndexAddr)
	return ok
}

// leavesWell tells whether a return gives no error and asks for no other call.
func leavesWell(ret *ssa.Return) bool {
	for _, res := range ret.Results {
		c, isConst := res.(*ssa.Const)
		switch {
		case isErrorType(res.Type()):
			if !isConst || c.Value != nil {
				return false
			}
		case isResult(res.Type()):
			if !isZero(res) {
				return false
			}
		default:
			return false // what it means, the caller knows
		}
	}
	return true
}

// logs tells whether a call writes to a log.
func logs(call *ssa.Call) bool {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil {
		return false
	}
	path := target.Pkg().Path()
	return onlyLooks(call) || path == "log" || strings.HasSuffix(path, "/zap") || strings.HasSuffix(path, "/logrus") || strings.HasSuffix(path, "/zerolog")
}
