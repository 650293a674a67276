// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var unstoppedSource = &rule.Rule{
	ID:        "goroutine/unstopped-source",
	Title:     "Watch, timer, broadcaster or connection that is not stopped on every path",
	Checklist: []string{"6.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "unstopped_source.md"),
	Check:     checkUnstoppedSource,
}

func checkUnstoppedSource(pass *rule.Pass) {
	goroutines := pass.Effects.Goroutines()
	judgeNeverSet(pass)
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		judgeDeadStops(pass, fn)
		judgeHalfMade(pass, fn)
		judgeTransports(pass, fn)
		judgeHandedTransports(pass, fn)
		for site := range program.Sites(fn) {
			if resource, ok := goroutines.ResourceAt(site); ok {
				judgeResource(pass, fn, resource)
			} else if name := timerCall(site); name != "" {
				judgeTimer(pass, fn, site, name)
			}
		}
	}
}

func judgeResource(pass *rule.Pass, fn *ssa.Function, r effects.Resource) {
	isTimer := r.What == "ticker" || r.What == "timer"
	if isTimer && !pass.Program.OlderThan(fn, "go1.23") {
		return // the garbage collector takes what nobody refers to any more, running or not, since Go 1.23
	}
	leak := pass.Effects.Goroutines().LeakOf(r)
	if leak == nil {
		judgePile(pass, fn, r)
		return
	}
	if mainOnly(pass, fn) {
		return // it lives as long as the process
	}
	if r.Stop != "Shutdown" && !isTimer && pass.Program.FewTimes(r.Site) {
		return // it does not pile up
	}
	where := pass.Where(fn)
	if r.Stop == "Shutdown" && where.Domain == program.Unknown {
		return // made as controllers are set up: that it is made again is not to be seen
	}
	if r.Stop != "Shutdown" && pass.Program.OnlyFromMain(fn) && !pass.Strict {
		return // whoever calls it is on the way to the end of the process
	}
	broadcaster := r.Stop == "Shutdown" && onceAtMost(where)
	if broadcaster && !pass.Strict {
		return // it lives about as long as the process
	}
	if (broadcaster || where.Domain == program.StartUp) && (isTimer || !handedStop(pass, r.Site) && r.Err == nil) {
		return // made once at start-up, and there is nothing that could tell it to stop
	}
	reportLeak(pass, fn, leak, where)
}

// onceAtMost tells whether a function runs once in the life of the process, in a goroutine of main perhaps.
func onceAtMost(where rule.Where) bool {
	if where.Domain == program.StartUp {
		return true
	}
	return where.Entry != nil && (where.Entry.Kind == program.EntryMain || where.Entry.Kind == program.EntryElected || where.Entry.Kind == program.EntryRunnable)
}

func reportLeak(pass *rule.Pass, fn *ssa.Function, leak *effects.Leak, where rule.Where) {
	p, r := pass.Program, leak.Resource
	start, exit := p.Start(r.Site), valid(leak.Exit.Pos(), fn)
	severity, reason := severityOf(where, fn)
	switch {
	case r.Stop == "Shutdown":
	case p.FewTimes(r.Site):
		severity, reason = finding.Medium, "it is made a few times only"
	case severity == finding.Medium && where.Domain != program.StartUp && p.RunsAgain(r.Site):
		severity, reason = finding.High, program.Name(fn)+" is called again and again"
	}
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(start, fmt.Sprintf("opens the %s with %s", r.What, effects.Describe(r.Site)), r.What+" is open")
	actor.Step(exit, fmt.Sprintf("goes on without %s", r.Stop), "the "+r.What+" is still open, nobody refers to it")
	s.Outcome("The %s and all it holds stay; each further call of %s adds one.", r.What, program.Name(fn))
	left := fmt.Sprintf("on the way out at line %d", lineOf(p, exit))
	if leak.Exit == r.Site {
		left = "before the loop opens the next one"
	}
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, r.Site), Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s of %s is not %s %s; it stays open without an owner.", r.What, effects.Describe(r.Site), ended(r), left),
		About:   r.What, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: fn, Pos: exit, Message: "left here with the " + r.What + " open"}},
		Fix:     fixOf(pass, r, lineOf(p, exit)),
	})
}

// ended is what becomes of a resource that is given up.
func ended(r effects.Resource) string {
	if strings.Contains(r.Stop, "Close") {
		return "closed"
	}
	return "stopped"
}

// fixOf stops a resource where its function ends, or only on the way out at a line where others get it on the other ways.
func fixOf(pass *rule.Pass, r effects.Resource, exit int) rule.Fix {
	name, stmt := definition(pass.Program, r)
	fix := rule.Fix{Description: fmt.Sprintf("stop the %s when the function is left", r.What)}
	switch {
	case r.Stop == "Shutdown":
		fix.Description = fmt.Sprintf("stop the %s when its recorders are done", r.What)
		fix.Sketch = pass.Words(r.Site).Fill("go func() {\n\t$over\n\t$name.$stop()\n}()", "name", orName(name, r), "stop", r.Stop)
	case handedOut(r):
		fix.Description = fmt.Sprintf("stop the %s before the return at line %d", r.What, exit)
		fix.Sketch = fmt.Sprintf("%s.%s() // before the return at line %d", orName(name, r), r.Stop, exit)
	case name != "" && r.Err == nil:
		fix.Edits = []rule.Edit{{Pos: stmt.End(), End: stmt.End(), New: fmt.Sprintf("\ndefer %s.%s()", name, r.Stop)}}
	default:
		fix.Sketch = behindTest(pass, name, r)
	}
	return fix
}

// handedOut tells whether a resource is returned, or given to a function, somewhere: a deferred stop would end it for them.
func handedOut(r effects.Resource) bool {
	for _, alias := range effects.Aliases(r.Value) {
		for _, ref := range *alias.Referrers() {
			switch ref := ref.(type) {
			case *ssa.Return:
				return true
			case ssa.CallInstruction:
				if program.Receiver(ref) != alias {
					return true
				}
			}
		}
	}
	return false
}

// severityOf is HIGH for what happens again and again.
func severityOf(where rule.Where, fn *ssa.Function) (finding.Severity, string) {
	if where.Repeats() {
		return finding.High, "one more stays for each call of " + where.Actor(fn)
	}
	return finding.Medium, "how often " + program.Name(fn) + " is called is not known"
}

// definition returns the variable that a statement x := f() defines, and the statement.
func definition(p *program.Program, r effects.Resource) (string, ast.Stmt) {
	for _, n := range p.Enclosing(r.Site.Common().Pos()) {
		if assign, ok := n.(*ast.AssignStmt); ok {
			if id, ok := assign.Lhs[0].(*ast.Ident); ok && id.Name != "_" && len(assign.Rhs) == 1 {
				return id.Name, assign
			}
			return "", nil
		}
		if _, ok := n.(ast.Stmt); ok {
			return "", nil
		}
	}
	return "", nil
}

func orName(name string, r effects.Resource) string {
	if name != "" {
		return name
	}
	return strings.ToLower(r.What[strings.LastIndexByte(r.What, ' ')+1:])
}

func lineOf(p *program.Program, pos token.Pos) int {
	_, line, _ := p.Position(pos)
	return line
}

// timerCall returns the name of a call that makes a timer nobody can stop: time.After or time.Tick.
func timerCall(site ssa.CallInstruction) string {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "time" || target.Signature().Recv() != nil {
		return ""
	}
	if target.Name() == "After" || target.Name() == "Tick" {
		return target.Name()
	}
	return ""
}

// judgeTimer tells of timers that pile up before Go 1.23, which keeps them until they fire (time.After) or for ever
// (time.Tick).
func judgeTimer(pass *rule.Pass, fn *ssa.Function, site ssa.CallInstruction, name string) {
	if !pass.Program.OlderThan(fn, "go1.23") {
		return // the garbage collector takes them since Go 1.23
	}
	where := pass.Where(fn)
	if name == "Tick" && !where.Repeats() && !effects.InLoop(site) {
		return // one ticker for the process
	}
	if name == "After" && (!inSelect(site) || !where.Repeats() && !effects.InLoop(site)) {
		return // waited for until it fires, so it is gone then; or there is one
	}
	if name == "After" && shortWait(site) {
		return // gone again before it can pile up
	}
	p, start := pass.Program, pass.Program.Start(site)
	severity, reason := severityOf(where, fn)
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(start, "makes a timer with time."+name, "1 timer more")
	actor.Step(start, "another case is chosen, the timer is forgotten", "it stays in the runtime's heap until it fires")
	actor.Step(start, "comes here again", "1 timer more")
	s.Outcome("As many timers wait as calls come in one period of the timer; Go before 1.23 frees none of them earlier.")
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, site), Severity: severity, Reason: reason,
		Message: fmt.Sprintf("time.%s makes a timer that nobody can stop, again and again; before Go 1.23 each stays until it fires.", name),
		About:   "time." + name, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Fix: rule.Fix{
			Description: "make one timer and stop it",
			Sketch:      pass.Words(site).Fill("timer := time.NewTimer($d)\ndefer timer.Stop()\n// case <-timer.C:, in place of $call", "d", cmp.Or(pass.Words(site).Only(), "d")),
		},
	})
}

// inSelect tells whether the channel of a timer is one of several that a select waits for.
func inSelect(site ssa.CallInstruction) bool {
	v := site.Value()
	if v == nil {
		return false
	}
	for _, alias := range effects.Aliases(v) {
		for _, ref := range *alias.Referrers() {
			if sel, ok := ref.(*ssa.Select); ok && len(sel.States) > 1 {
				return true
			}
		}
	}
	return false
}

// shortWait tells whether the duration is a constant of at most ten seconds.
func shortWait(site ssa.CallInstruction) bool {
	c, ok := site.Common().Args[0].(*ssa.Const)
	return ok && c.Value != nil && c.Int64() <= 10_000_000_000
}
