// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var detached = &rule.Rule{
	ID:        "context/detached",
	Title:     "Background context in code that has a context in reach",
	Checklist: []string{"5.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "detached.md"),
	Check:     checkDetached,
}

// cut is a context made out of nothing although another one was in reach.
type cut struct {
	root *effects.ContextRoot
	use  effects.ContextUse
	// reach is nil for a manager that has no other context.
	reach *effects.InReach
}

func checkDetached(pass *rule.Pass) {
	checkElections(pass)
	byFunc := make(map[*ssa.Function][]cut)
	var order []*ssa.Function
	for _, root := range pass.Effects.Roots() {
		fn := root.Site.Parent()
		c, ok := judgeRoot(pass, root)
		if !ok {
			continue
		}
		if c.reach == nil {
			reportManager(pass, fn, c)
			continue
		}
		if byFunc[fn] == nil {
			order = append(order, fn)
		}
		byFunc[fn] = append(byFunc[fn], c)
	}
	for _, fn := range order {
		reportDetached(pass, fn, byFunc[fn])
	}
}

// reportManager tells of a manager that runs under a context which no signal ends.
func reportManager(pass *rule.Pass, fn *ssa.Function, c cut) {
	p, at := pass.Program, pass.Where(fn)
	start, use := p.Start(c.root.Site), p.Start(c.use.Site)
	s := rule.NewScenario()
	main := s.Actor(at.Actor(fn), at.Runs())
	node := s.Actor("kubelet", "stops the pod")
	main.Step(start, "makes a context out of nothing", "no signal ends it")
	main.Step(use, "starts the manager under it", "the manager runs")
	node.Step(use, "sends SIGTERM, and SIGKILL when the grace period is over", "the manager hears nothing")
	s.Outcome("The manager is killed instead of stopped: its lease is not released and its runnables are cut off.")
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, c.root.Site), Severity: finding.Medium, Reason: "it happens at shutdown only",
		Message: fmt.Sprintf("%s runs under %s; no signal ends it.", effects.Describe(c.use.Site), effects.Describe(c.root.Site)),
		About:   effects.Describe(c.use.Site), Domain: at.Domain, Proof: at.Proof, Scenario: s,
		Related: []rule.Related{{Func: c.use.Site.Parent(), Pos: use, Message: "the manager is started here"}},
		Fix:     rule.Fix{Description: "hand the context of the process on", Sketch: pass.Words(c.use.Site).Fill("$start // ctx: ctrl.SetupSignalHandler() of main, handed on to $func", "start", pass.Words(c.use.Site).WithContext("ctx"), "func", program.Name(fn))},
	})
}

// judgeRoot decides whether a new context cuts its calls off from one that they should have had.
func judgeRoot(pass *rule.Pass, root *effects.ContextRoot) (cut, bool) {
	fn, contexts := root.Site.Parent(), pass.Effects.Contexts()
	if !pass.Reviewed(fn) || effects.FallsBack(root.Site) {
		return cut{}, false // the caller gave nil: there is no other context
	}
	if !pass.Strict && pass.Effects.OneShot(fn) {
		return cut{}, false // a command that somebody waits for, and can stop
	}
	if contexts.CleansUp(root.Site) {
		return cut{}, false // the other context is over
	}
	use, ok := worstUse(pass, root)
	if !ok {
		return cut{}, false
	}
	if !pass.Strict && contexts.CleansUpToo(root.Site) {
		return cut{}, false // who defers it wants it to work when the context is over
	}
	reach := contexts.InReach(root.Site)
	if reach == nil || contexts.Endless(reach) || contexts.OfOther(reach, fn) {
		reach = contexts.CallerInReach(fn, func(r *effects.InReach) bool {
			return toldAsBlank(pass, r) || !managerStart(use.Site) && onceAtStart(pass, r)
		})
	}
	if reach == nil && managerStart(use.Site) && pass.Program.DomainOf(fn).Worst() != program.Unknown {
		return cut{root: root, use: use}, true
	}
	if reach == nil {
		return cut{}, false // who calls has nothing to hand on
	}
	if !pass.Strict && !managerStart(use.Site) && !contexts.InSight(reach) && outOfWork(pass, fn) {
		return cut{}, false // nothing shows that the context ever ends, nor that somebody waits there at work
	}
	slip := running(pass, fn) && isRequest(use.Site) && pass.Effects.UsedBeside(reach, root.Site)
	if !pass.Strict && !managerStart(use.Site) && !groupWait(use.Site) && !slip && (!endsEarlier(pass, reach) || far(fn, reach)) {
		return cut{}, false // what is lost is a quick shutdown; or nobody on the way has a word for the context
	}
	if !pass.Strict && contexts.OnlyPolled(reach) {
		return cut{}, false // it is the poll that goes on for longer than it was to
	}
	if !pass.Strict && pass.Program.Explained(root.Site.Pos()) {
		return cut{}, false // a comment says why
	}
	if !pass.Strict && writes(use.Site) && contexts.AfterFailure(reach, root.Site) {
		return cut{}, false // it records or takes back what was done, behind a failure that may be the end of that context
	}
	if outlives(pass, root, use, reach) {
		return cut{}, false // a goroutine that goes on after its request must not use the request's context
	}
	if startsUp(pass, fn, reach, use) {
		return cut{}, false // once, before anything could end
	}
	return cut{root, use, reach}, true
}

// endsEarlier tells whether a context in reach can end before the process does, as far as the code shows.
func endsEarlier(pass *rule.Pass, reach *effects.InReach) bool {
	contexts := pass.Effects.Contexts()
	return contexts.EndsEarly(reach) || !contexts.InSight(reach) || pass.Effects.EndsWithLeadership(reach)
}

// outOfWork tells whether a function runs only when the program starts, or nothing in a program whose start is in sight leads to it.
func outOfWork(pass *rule.Pass, fn *ssa.Function) bool {
	return pass.Program.DomainOf(fn).Worst() == program.StartUp || pass.Program.Unreached(fn)
}

// far tells whether the context in reach is not the function's own, and neither that of who calls it.
func far(fn *ssa.Function, reach *effects.InReach) bool {
	return !reach.Own && reach.Edge.Callee != fn
}

// worstUse picks the call that says most: a request before a service before a call into an unknown library. Calls under
// a deadline are meant to go on for that long.
func worstUse(pass *rule.Pass, root *effects.ContextRoot) (effects.ContextUse, bool) {
	best, rank := effects.ContextUse{}, 0
	for _, use := range root.Uses {
		r := map[effects.WorkKind]int{effects.NetworkWork: 5, effects.APIWork: 4, effects.ServiceWork: 3, effects.ForeignWork: 2, effects.CacheWork: 1}[use.Kind]
		if use.Kind == effects.CacheWork && !pass.Strict && !holdsContext(root.Site.Parent()) || inProcess(use.Site) {
			continue // waits once, for the informer; or for other goroutines
		}
		if effects.OpensStream(use.Site) && !pass.Strict {
			continue // opening fails with the connection; what is opened lives on, and ends with the connection as well
		}
		if use.Origin.Bounded && !pass.Strict || use.Origin.Cancellable {
			continue
		}
		if pass.Effects.Bounded(use.Site) && !pass.Strict || effects.RecordsEvent(use.Site) {
			continue // ends by itself, or tells of what was done and is to be told whatever becomes of the request
		}
		aside := behindGo(pass, use.Site.Parent(), root.Site.Parent(), 0)
		if aside && use.Origin.Deferred != nil && !managerStart(use.Site) {
			continue // a goroutine that ends when the function returns
		}
		if !aside {
			r += 10 // somebody waits for it
		}
		if use.Kind == effects.ServiceWork && use.Origin.Deferred != nil && !managerStart(use.Site) {
			continue // ends when the function returns
		}
		if r > rank {
			best, rank = use, r
		}
	}
	return best, rank > 0
}

// holdsContext tells whether a function was given a context: not to use it is a slip, whatever the call waits for.
func holdsContext(fn *ssa.Function) bool {
	return slices.ContainsFunc(fn.Params, func(param *ssa.Parameter) bool {
		return program.IsNamed(param.Type(), "context", "Context") && param.Name() != "_" && param.Name() != ""
	})
}

// behindGo tells whether all ways to a function, from which a context was handed to it, start a goroutine.
func behindGo(pass *rule.Pass, fn, from *ssa.Function, depth int) bool {
	callers := pass.Program.Callers(fn)
	if fn == from || len(callers) == 0 || depth == 4 {
		return false
	}
	for _, e := range callers {
		if e.How != program.Starts && !behindGo(pass, e.Caller(), from, depth+1) {
			return false
		}
	}
	return true
}

// onceAtStart tells whether a caller has a context that ends with the process, and makes its call when it starts.
func onceAtStart(pass *rule.Pass, reach *effects.InReach) bool {
	return pass.Program.FewTimes(reach.Edge.Site) && !pass.Effects.Contexts().EndsEarly(reach)
}

// inProcess tells whether a call waits for other goroutines of the process: for their turn at a semaphore.
func inProcess(site ssa.CallInstruction) bool {
	target := program.Target(site)
	return target != nil && target.Pkg() != nil && target.Pkg().Path() == "golang.org/x/sync/semaphore"
}

// managerStart tells whether a call runs a whole controller manager.
func managerStart(site ssa.CallInstruction) bool {
	row := program.Model(site)
	return row != nil && row.Recv == "Manager" && row.Name == "Start"
}

// isRequest tells whether a call is a request to the API server.
func isRequest(site ssa.CallInstruction) bool {
	row := program.Model(site)
	return row != nil && (row.Effect.IsWrite() || row.Effect.IsRead())
}

// writes tells whether a call changes an object of the API that is there. To create one that was not found is what comes next,
// and no failure.
func writes(site ssa.CallInstruction) bool {
	row := program.Model(site)
	return row != nil && row.Effect.IsWrite() && row.Effect != kube.Create
}

// groupWait tells whether a call waits for a group of goroutines, of which the first that fails should end the others.
func groupWait(site ssa.CallInstruction) bool {
	target := program.Target(site)
	return target != nil && target.Pkg() != nil && target.Pkg().Path() == "golang.org/x/sync/errgroup" && target.Name() == "Wait"
}

// outlives tells whether the root stands in a goroutine that a request or a reconcile starts, or is handed to one: it goes
// on when these end.
func outlives(pass *rule.Pass, root *effects.ContextRoot, use effects.ContextUse, reach *effects.InReach) bool {
	fn := root.Site.Parent()
	started := behindGo(pass, use.Site.Parent(), fn, 0)
	for _, e := range pass.Program.Callers(fn) {
		started = started || e.How == program.Starts
	}
	if !started {
		return false
	}
	origins := pass.Effects.Contexts().Behind(reach)
	return slices.ContainsFunc(origins, func(o effects.ContextOrigin) bool { return o.Kind == effects.RequestContext }) ||
		!slices.ContainsFunc(origins, func(o effects.ContextOrigin) bool {
			return o.Kind == effects.ProcessContext || o.Kind == effects.LeaderContext
		})
}

// startsUp tells whether the root belongs to start-up code, which is forgiven all but a manager that no signal ends.
func startsUp(pass *rule.Pass, fn *ssa.Function, reach *effects.InReach, use effects.ContextUse) bool {
	set := pass.Program.DomainOf(fn)
	switch set.Worst() {
	case program.StartUp:
		return !(use.Kind == effects.ServiceWork && managerStart(use.Site)) && !isParameter(reach)
	case program.Unknown:
		return !isParameter(reach) && !pass.Effects.Contexts().EndsEarly(reach)
	}
	return false
}

// isParameter tells whether the context in reach is a parameter of the function itself, or captured: somebody meant it to
// be used there.
func isParameter(reach *effects.InReach) bool {
	switch reach.Value.(type) {
	case *ssa.Parameter, *ssa.FreeVar:
		return reach.Own && program.IsNamed(reach.Value.Type(), "context", "Context")
	}
	return false
}

func reportDetached(pass *rule.Pass, fn *ssa.Function, cuts []cut) {
	first := cuts[0]
	p, at := pass.Program, pass.Where(fn)
	start := p.Start(first.root.Site)
	severity, reason := detachedSeverity(pass, first)
	s := rule.NewScenario()
	caller := s.Actor(at.Actor(fn), at.Runs())
	caller.Step(fn.Pos(), fmt.Sprintf("%s is entered; %s is in reach", program.Name(fn), first.reach.From), first.reach.Expr+" still lives")
	if first.root.Variant == "" {
		caller.Step(start, fmt.Sprintf("makes a context of its own with %s", effects.Describe(first.root.Site)), "nothing ends it")
	}
	caller.Step(p.Start(first.use.Site), fmt.Sprintf("waits in %s", effects.Describe(first.use.Site)),
		fmt.Sprintf("%s is cancelled meanwhile, the call does not hear of it", first.reach.Expr))
	s.Outcome("%s goes on after %s was cancelled; the worker that waits for it is stuck for as long as the other side is.",
		effects.Describe(first.use.Site), first.reach.Expr)
	r := rule.Report{
		Func: fn, Pos: start, End: endOf(p, first.root.Site), Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s although %s is in reach; cancelling %s does not end it.", under(first), first.reach.From, first.reach.Expr),
		About:   effects.Describe(first.use.Site), Domain: at.Domain, Proof: at.Proof, Scenario: s,
	}
	if !first.reach.Own {
		r.Cause = "functions without a context parameter"
	}
	for i, c := range cuts {
		if i > 0 {
			r.Related = append(r.Related, rule.Related{Func: fn, Pos: p.Start(c.root.Site), Message: "another one, for " + effects.Describe(c.use.Site)})
		}
		if c.root.Variant == "" {
			r.Related = append(r.Related, rule.Related{Func: c.use.Site.Parent(), Pos: p.Start(c.use.Site), Message: effects.Describe(c.use.Site) + " gets the new context"})
		}
		if !c.reach.Own {
			r.Related = append(r.Related, rule.Related{Func: c.reach.Edge.Caller(), Pos: p.Start(c.reach.Edge.Site), Message: c.reach.From + " could be handed on here"})
		}
	}
	r.Fix = fixDetached(pass, fn, cuts)
	pass.Report(r)
}

// under says what the call of a cut runs under, for a sentence.
func under(c cut) string {
	what := effects.Describe(c.use.Site)
	if c.root.Variant != "" {
		return fmt.Sprintf("%s is called, which takes no context as %s does,", what, c.root.Variant)
	}
	return what + " runs under " + effects.Describe(c.root.Site)
}

func detachedSeverity(pass *rule.Pass, c cut) (finding.Severity, string) {
	switch {
	case !c.reach.Own:
		return finding.Medium, "the context is one call away: " + program.Name(c.reach.Edge.Caller()) + " has it"
	case strings.HasPrefix(c.reach.From, "field "):
		return finding.Medium, "the context in reach is the receiver's own"
	case c.use.Kind == effects.CacheWork:
		return finding.Medium, "the read waits only until the kind is in the cache"
	case c.use.Kind == effects.ForeignWork:
		return finding.Medium, "what " + effects.Describe(c.use.Site) + " waits for is not known"
	case c.use.Kind == effects.ServiceWork:
		return finding.Medium, effects.Describe(c.use.Site) + " runs until its context ends"
	case servesAlone(pass, c.root.Site.Parent()):
		return finding.Medium, "a goroutine of its own serves each request: no other one waits for it"
	case !pass.Effects.Contexts().EndsEarly(c.reach):
		return finding.Medium, c.reach.Expr + " is not known to end before the process does: what is lost is a quick shutdown"
	}
	return finding.High, "the call leaves the process and " + c.reach.From + " is in reach"
}

// servesAlone tells whether a function runs for requests that each have a goroutine of their own, and for nothing else. A
// webhook is waited for by the API server.
func servesAlone(pass *rule.Pass, fn *ssa.Function) bool {
	entries := pass.Program.EntriesOf(fn)
	return len(entries) > 0 && !slices.ContainsFunc(entries, func(e *program.Entry) bool {
		return e.Kind != program.EntryHTTP && e.Kind != program.EntryGRPC
	})
}
