// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var unboundedCall = &rule.Rule{
	ID:        "context/unbounded-call",
	Title:     "Call that can wait for ever",
	Checklist: []string{"5.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "unbounded_call.md"),
	Check:     checkUnboundedCall,
}

func checkUnboundedCall(pass *rule.Pass) {
	byRoot := make(map[ssa.Value][]effects.Unbounded)
	var order []ssa.Value
	for _, u := range pass.Effects.UnboundedCalls() {
		fn := u.Site.Parent()
		if !pass.Reviewed(fn) || !u.AtShutdown && !running(pass, fn) {
			continue // at start-up somebody looks on, and restarts it
		}
		if !pass.Strict && pass.Effects.OneShot(fn) {
			continue // a command that somebody waits for, and can stop
		}
		if u.AtShutdown && (endsProcess(pass, fn) || !pass.Strict) {
			continue // the grace period of the manager or of the pod bounds it
		}
		_, isSync := syncs(u.Site)
		if (u.AtShutdown || isSync) && aside(pass, fn) {
			continue // nobody waits for the one who waits
		}
		if u.Local && !pass.Strict {
			continue // a program of the same machine: whether it talks to another is not in sight
		}
		if isSync && !pass.Where(fn).Repeats() {
			continue // informers of the process itself: nothing works before they have synced
		}
		if byRoot[u.Root] == nil {
			order = append(order, u.Root)
		}
		byRoot[u.Root] = append(byRoot[u.Root], u)
	}
	for _, root := range order {
		reportUnbounded(pass, byRoot[root])
	}
	for _, call := range pass.Effects.CachedClients() {
		if fn := call.Parent(); pass.Reviewed(fn) && running(pass, fn) {
			reportCachedClient(pass, call)
		}
	}
	for _, u := range pass.Effects.UntimedClients() {
		u.Requests = slices.DeleteFunc(u.Requests, func(site ssa.CallInstruction) bool {
			return !running(pass, site.Parent()) || pass.Effects.OneShot(site.Parent())
		})
		if fn := u.Made.Parent(); len(u.Requests) > 0 && pass.Reviewed(fn) && running(pass, fn) {
			reportUntimedClient(pass, u)
		}
	}
}

// running tells whether code runs while the process works, and not only once when it starts.
func running(pass *rule.Pass, fn *ssa.Function) bool {
	switch pass.Program.DomainOf(fn).Worst() {
	case program.EveryReplica, program.LeaderOnly:
		return true
	}
	return false
}

// aside tells whether a function is only ever run by goroutines of its own, and tells nobody that it came to its end.
func aside(pass *rule.Pass, fn *ssa.Function) bool {
	callers := pass.Program.Callers(fn)
	for _, e := range callers {
		if _, ok := e.Site.(*ssa.Go); !ok {
			return false
		}
	}
	return len(callers) > 0 && pass.Program.EntryAt(fn) == nil && !effects.Signals(fn)
}

// endsProcess tells whether a function waits on behalf of the process as a whole: main itself, or a runnable of the
// manager, which is given up after the manager's graceful time-out.
func endsProcess(pass *rule.Pass, fn *ssa.Function) bool {
	for ; fn != nil; fn = fn.Parent() {
		if e := pass.Program.EntryAt(fn); e != nil && (e.Kind == program.EntryRunnable || e.Kind == program.EntryMain) {
			return true
		}
	}
	return false
}

// syncs tells whether a call waits for the first list of informers.
func syncs(site ssa.CallInstruction) (*ssa.Function, bool) {
	target := program.Target(site)
	return site.Parent(), target != nil && strings.Contains(target.Name(), "CacheSync")
}

func reportUnbounded(pass *rule.Pass, calls []effects.Unbounded) {
	p, u := pass.Program, calls[0]
	fn := u.Site.Parent()
	where, start := pass.Where(fn), p.Start(u.Site)
	severity, reason := finding.Medium, "it needs the other side to hang"
	if where.Entry != nil && where.Entry.Kind == program.EntryWebhook {
		severity, reason = finding.High, "the API server waits for the webhook"
	}
	s := rule.NewScenario()
	worker := s.Actor(where.Actor(fn), where.Runs())
	other := s.Actor("other side of "+effects.Describe(u.Site), "accepts the connection and is silent")
	worker.Step(start, "calls "+effects.Describe(u.Site), u.Why)
	other.Step(start, "does not answer, and does not close the connection", "")
	worker.Step(start, "waits", "nothing ends the wait")
	s.Outcome("%s stays in %s until the process is restarted; the work behind it is not done.", where.Actor(fn), program.Name(fn))
	report := rule.Report{
		Func: fn, Pos: start, End: endOf(p, u.Site), Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s has no bound: %s; it waits for as long as the other side keeps it waiting.", effects.Describe(u.Site), u.Why),
		About:   effects.Describe(u.Site), Cause: effects.Describe(u.Site) + ": " + u.Why, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Fix: rule.Fix{
			Description: "bound the call",
			Sketch:      boundSketch(pass, u.Site),
		},
	}
	for _, other := range calls[1:] {
		report.Related = append(report.Related, rule.Related{Func: other.Site.Parent(), Pos: p.Start(other.Site), Message: effects.Describe(other.Site) + " has no bound for the same reason"})
	}
	pass.Report(report)
}

func reportCachedClient(pass *rule.Pass, call *ssa.Call) {
	p, fn := pass.Program, call.Parent()
	where, start := pass.Where(fn), p.Start(call)
	s := rule.NewScenario()
	worker := s.Actor(where.Actor(fn), where.Runs())
	other := s.Actor("API server of the other cluster", "is out of reach")
	worker.Step(start, "makes a client that reads through a cache, and hands it out", "")
	worker.Step(start, "reads a kind that nobody has read before", "an informer for it is started")
	other.Step(start, "does not answer the informer's list", "the cache never syncs")
	s.Outcome("The read waits for the cache to sync, for as long as the cluster is out of reach: the worker is lost, and with it one key after the other.")
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, call), Severity: finding.Medium, Reason: "it needs the other cluster to be out of reach",
		Message: "reads of this client start informers when they are needed and wait for them; with the cluster out of reach they wait for ever.",
		About:   "cached client", Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Fix: rule.Fix{
			Description: "put a deadline on each read",
			Sketch:      "type bounded struct{ client.Client }\n\nfunc (b bounded) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {\n\tctx, cancel := context.WithTimeout(ctx, 30*time.Second)\n\tdefer cancel()\n\treturn b.Client.Get(ctx, key, obj, opts...)\n}",
		},
	})
}

// boundSketch bounds a call by a deadline where it takes a context, else by the timeout of its client.
func boundSketch(pass *rule.Pass, site ssa.CallInstruction) string {
	w := pass.Words(site)
	if w.Context() {
		return deadlineSketch(w)
	}
	if target := program.Target(site); target != nil && target.Signature().Recv() == nil {
		return w.Fill("bounded := &http.Client{Timeout: 30 * time.Second} // one for all calls\n$bounded", "bounded", w.Through("bounded"))
	}
	return w.Fill("$c.Timeout = 30 * time.Second // where $c is made: it bounds $call")
}

// deadlineSketch gives a call a deadline of its own.
func deadlineSketch(w *rule.Words) string {
	return w.Fill("callCtx, cancel := context.WithTimeout($parent, 30*time.Second)\ndefer cancel()\n$bound", "bound", w.WithContext("callCtx"))
}
