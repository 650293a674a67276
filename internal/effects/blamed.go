// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Blamed is a write that can fail for no other reason than an old read, and whose failure, of whatever cause, leads to
// the deletion of an object of the same kind.
type Blamed struct {
	Kind kube.Kind
	// Try is the call that writes, itself or through what it calls; Write is the request.
	Try   *ssa.Call
	Write ssa.CallInstruction
	// Branch tests the error, Then is the call that leads to Delete because of it.
	Branch *ssa.If
	Then   ssa.CallInstruction
	Delete ssa.CallInstruction
}

// BlamedWrites returns the writes of the program whose conflicts count as failures for good, in source order, each
// deletion once.
func (e *Effects) BlamedWrites() []Blamed {
	tries, ends := e.conflictWays()
	var out []Blamed
	for _, end := range ends {
		if found := e.blamed(tries, end); found != nil {
			out = append(out, *found)
		}
	}
	return out
}

// conflictWays returns the ways to the updates that can meet a conflict and those to the deletes, of kinds that are known.
func (e *Effects) conflictWays() (tries, ends []way) {
	for _, row := range e.Ledger() {
		fn := row.Site.Parent()
		if row.Kind.Name == "" || e.Program.InTest(fn) || e.Program.TestSupport(fn) || e.Program.Generated(fn) {
			continue
		}
		switch row.Call.Effect {
		case kube.Delete:
			ends = append(ends, e.wayTo(row.Site, nil, row.Kind))
		case kube.Update, kube.UpdateStatus, kube.Patch, kube.PatchStatus:
			if e.CanConflict(Reached{Site: row.Site, Call: row.Call}) {
				tries = append(tries, e.wayTo(row.Site, nil, row.Kind))
			}
		}
	}
	return tries, ends
}

// blamed finds the try whose failure leads to a deletion.
func (e *Effects) blamed(tries []way, end way) *Blamed {
	for _, fn := range e.Program.Funcs {
		for _, then := range end.sites[fn] {
			for _, try := range tries {
				if !try.kind.Same(end.kind) {
					continue
				}
				for _, site := range try.sites[fn] {
					call, ok := site.(*ssa.Call)
					if !ok || site == then || !MayPrecede(site, then) || e.tellsConflicts(call) || tellsApart(errorResult(call)) {
						continue
					}
					if e.otherClients(try.deed, end.deed) {
						continue // the same kind in another cluster: what is deleted is not what the conflict is about
					}
					if branch := failureLeads(call, then); branch != nil {
						return &Blamed{Kind: end.kind, Try: call, Write: try.deed, Branch: branch, Then: then, Delete: end.deed}
					}
				}
			}
		}
	}
	return nil
}

// otherClients tells whether two requests are known to go through different fields or variables.
func (e *Effects) otherClients(a, b ssa.CallInstruction) bool {
	x, okX := e.clientField(a)
	y, okY := e.clientField(b)
	return okX && okY && x != y
}

// clientField returns the field that the client of a request is kept in, below the calls that narrow it down to a group, a
// kind or a namespace; ok is false where it is not read from a field.
func (e *Effects) clientField(site ssa.CallInstruction) (key program.FieldKey, ok bool) {
	i := slices.IndexFunc(e.Events(site.Parent()), func(ev *Event) bool { return ev.Kind == Write && ev.Origin == site })
	if i < 0 {
		return key, false
	}
	v := e.Events(site.Parent())[i].Client
	for range 4 {
		switch x := stripped(v).(type) {
		case *ssa.Call:
			v = program.Receiver(x)
		case *ssa.UnOp:
			if field, isField := x.X.(*ssa.FieldAddr); isField && x.Op == token.MUL {
				return program.FieldKeyOf(field.X.Type(), field.Field)
			}
			return key, false
		case *ssa.Field:
			return program.FieldKeyOf(x.X.Type(), x.Field)
		}
		if v == nil {
			break
		}
	}
	return key, false
}

// failureLeads returns the test of a call's error of which only the side of failure leads to then, directly or by a flag
// that is set there; nil if there is none.
func failureLeads(try *ssa.Call, then ssa.CallInstruction) *ssa.If {
	err := errorResult(try)
	for _, b := range try.Parent().Blocks {
		branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		failed := failureSide(branch, err)
		if failed == nil || len(failed.Preds) != 1 {
			continue
		}
		if failed.Dominates(then.Block()) || flagged(failed, then) {
			return branch
		}
	}
	return nil
}

// failureSide returns where a branch goes when err is not nil; nil if it does not test err.
func failureSide(branch *ssa.If, err ssa.Value) *ssa.BasicBlock {
	op, ok := branch.Cond.(*ssa.BinOp)
	if !ok || err == nil || op.X != err && op.Y != err {
		return nil
	}
	switch op.Op {
	case token.NEQ:
		return branch.Block().Succs[0]
	case token.EQL:
		return branch.Block().Succs[1]
	}
	return nil
}

// flagged tells whether a flag that only the failure sets decides whether then runs.
func flagged(failed *ssa.BasicBlock, then ssa.CallInstruction) bool {
	for _, branch := range Conditions(then.Block()) {
		for _, phi := range flags(branch.Cond) {
			for i, pred := range phi.Block().Preds {
				if _, isConst := phi.Edges[i].(*ssa.Const); isConst && failed.Dominates(pred) {
					return true
				}
			}
		}
	}
	return false
}

// tellsApart tells whether an error is asked what kind it is, other than NotFound: by its type, or by a function that says
// yes or no.
func tellsApart(err ssa.Value) bool {
	if err == nil || err.Referrers() == nil {
		return false
	}
	for _, ref := range *err.Referrers() {
		switch ref := ref.(type) {
		case *ssa.TypeAssert:
			return true
		case *ssa.Call:
			if t := program.Target(ref); isBool(ref.Type()) && (t == nil || t.Name() != "IsNotFound") {
				return true
			}
		}
	}
	return false
}

// tellsConflicts tells whether the function of a try, or what it calls for it, asks whether an error is a conflict.
func (e *Effects) tellsConflicts(try *ssa.Call) bool {
	for _, fn := range append(e.Program.Static(try), try.Parent()) {
		for site := range program.Sites(fn) {
			if t := program.Target(site); t != nil && t.Name() == "IsConflict" {
				return true
			}
		}
	}
	return false
}
