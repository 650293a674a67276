// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// DoubleClose reports a close that can be reached twice without anything that stops the second one.
var DoubleClose = &rule.Rule{
	ID:        "channel/double-close",
	Title:     "channel closed twice",
	Checklist: []string{"4.3"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "double_close.md"),
	Check:     doubleClose,
}

func doubleClose(p *rule.Pass) {
	elections := p.Effects.ElectionCloses()
	for _, c := range p.Effects.Channels().All {
		var closes []*effects.ChannelOp
		for _, op := range c.Of(effects.ChannelClose) {
			// An operand that may be another channel, and a close behind a flag, a Once or a recover, prove nothing.
			if op.Exact && len(op.Channels) == 1 && p.Watched(op.Func) && !p.Effects.Guarded(op.Instr) {
				closes = append(closes, op)
			}
		}
		if twiceInOne(p, c, closes) || twiceByCaller(p, c, closes) || twiceAroundNil(p, c) || twiceByElection(p, c, elections) {
			continue
		}
		twiceByEntry(p, c, closes)
	}
}

// twiceInOne tells of two closes in one function that one call runs both.
func twiceInOne(p *rule.Pass, c *effects.Channel, closes []*effects.ChannelOp) bool {
	for _, a := range closes {
		for _, b := range closes {
			// Several places make it: each close may mean another instance.
			if a == b || a.Func != b.Func || a.Expr != b.Expr || effects.InLoop(c.Make) || effects.InLoop(a.Instr) {
				continue
			}
			// A deferred close counts from the defer statement on.
			if !effects.After(a.Instr, b.Instr) || b.Deferred && !a.Deferred && !effects.Before(a.Instr, b.Instr) {
				continue
			}
			tellDouble(p, c, b, a, fmt.Sprintf("%s closes %s twice on one path", program.Name(a.Func), a.Expr))
			return true
		}
	}
	return false
}

// twiceByCaller tells of a closing function that one function calls twice for the same receiver.
func twiceByCaller(p *rule.Pass, c *effects.Channel, closes []*effects.ChannelOp) bool {
	for _, op := range closes {
		if op.Func.Signature.Recv() == nil {
			continue
		}
		edges := p.Program.Callers(op.Func)
		for _, a := range edges {
			for _, b := range edges {
				if a.Site == b.Site || a.Caller() != b.Caller() || a.Arg >= 0 || b.Arg >= 0 || !effects.After(a.Site, b.Site) {
					continue
				}
				x, y := program.Receiver(a.Site), program.Receiver(b.Site)
				if x == nil || y == nil || !sameObject(x, y) || p.Effects.Guarded(a.Site) || p.Effects.Guarded(b.Site) {
					continue
				}
				tellDouble(p, c, op, op, fmt.Sprintf("%s calls %s twice (%s and %s)",
					program.Name(a.Caller()), program.Name(op.Func), at(p, a.Site.Pos()), at(p, b.Site.Pos())),
					rule.Related{Func: a.Caller(), Pos: a.Site.Pos(), Message: "first call"},
					rule.Related{Func: b.Caller(), Pos: b.Site.Pos(), Message: "second call"})
				return true
			}
		}
	}
	return false
}

// sameObject tells whether two receivers are the same variable.
func sameObject(x, y ssa.Value) bool {
	if x == y {
		return true
	}
	a, ok1 := x.(*ssa.UnOp)
	b, ok2 := y.(*ssa.UnOp)
	return ok1 && ok2 && a.X == b.X
}

// twiceByEntry tells of a close that runs for every event or request, on a channel that is made once.
func twiceByEntry(p *rule.Pass, c *effects.Channel, closes []*effects.ChannelOp) {
	for _, op := range closes {
		for _, e := range p.Program.EntriesOf(op.Func) {
			if !repeated(e) || !p.Effects.Reach(e.Func)[op.Func] || p.Effects.Reach(e.Func)[c.Func()] {
				continue
			}
			// The entry must get there on each call, not only when something special happened.
			if p.Effects.Recovers(e.Func) || p.Program.InTest(e.Func) || !p.Effects.Unguarded(e.Func, op.Instr) {
				continue
			}
			if madeAnew(p, c) {
				continue // a method puts a new one in its place each time it runs
			}
			tellDouble(p, c, op, op, fmt.Sprintf("%s runs more than once", e))
			return
		}
	}
}

// madeAnew tells whether a channel is made into a field of what is there already, by a function that may run again and
// again: which close belongs to which channel is then a matter of time.
func madeAnew(p *rule.Pass, c *effects.Channel) bool {
	if p.Program.FewTimes(c.Make) {
		return false
	}
	for _, ref := range *c.Make.Referrers() {
		store, ok := ref.(*ssa.Store)
		if !ok {
			continue
		}
		if addr, ok := store.Addr.(*ssa.FieldAddr); ok {
			if _, fresh := addr.X.(*ssa.Alloc); !fresh {
				return true
			}
		}
	}
	return false
}

// repeated tells whether an entry is called again and again in one process.
func repeated(e *program.Entry) bool {
	switch e.Kind {
	case program.EntryReconcile, program.EntryWebhook, program.EntryHTTP, program.EntryGRPC, program.EntryInformer, program.EntryProbe:
		return true
	}
	return false
}

func tellDouble(p *rule.Pass, c *effects.Channel, second, first *effects.ChannelOp, why string, more ...rule.Related) {
	sc := rule.NewScenario()
	a := sc.Actor(running(p, first.Func), verb(first))
	a.Step(first.Pos, verb(first), "closed")
	a.Step(second.Pos, verb(second)+" again", "panic: close of closed channel")
	sc.Outcome("the process goes down")
	if first != second {
		more = append(more, rule.Related{Func: first.Func, Pos: first.Pos, Message: "closed first here"})
	}
	finish(p, second, c.Name, rule.Report{
		Severity: finding.Critical, Reason: why,
		Message:  fmt.Sprintf("%s can be closed twice: %s; the second close panics", second.Expr, why),
		Related:  append(more, rule.Related{Func: c.Func(), Pos: c.Make.Pos(), Message: "made here"}),
		Scenario: sc,
		Fix: rule.Fix{Description: "close it once",
			Sketch: fmt.Sprintf("closeOnce.Do(func() { close(%[1]s) }) // closeOnce: a sync.Once beside %[1]s, for both closes", second.Expr)},
	})
}
