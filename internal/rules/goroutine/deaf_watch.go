// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"cmp"
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var deafWatch = &rule.Rule{
	ID:        "goroutine/deaf-watch",
	Title:     "Loop over a watch that does not survive the watch's end",
	Checklist: []string{"6.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "deaf_watch.md"),
	Check:     checkDeafWatch,
}

func checkDeafWatch(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for _, loop := range pass.Effects.Goroutines().WatchLoops(fn) {
			reportDeaf(pass, loop)
		}
	}
}

func reportDeaf(pass *rule.Pass, loop effects.WatchLoop) {
	fn := loop.At.Parent()
	where := pass.Where(fn)
	at := loop.At.Pos()
	if !at.IsValid() {
		at = valid(loop.Receive.Pos(), fn)
	}
	s := rule.NewScenario()
	watcher := s.Actor(where.Actor(fn), where.Runs())
	server := s.Actor("API server", "ends every watch within the hour, or earlier with an Error event")
	watcher.Step(valid(loop.Receive.Pos(), fn), "waits for the next event of "+program.Name(fn)+"'s watch", "all is well")
	server.Step(valid(loop.Receive.Pos(), fn), "ends the watch: its time is over, or the version asked for is gone", "the channel is closed")
	message, fix := "", rule.Fix{}
	switch loop.Fault {
	case effects.IgnoresClose:
		watcher.Step(at, "receives an empty event, and the next, and the next", "busy loop, or a nil object is used")
		s.Outcome("%s spins on the closed channel and sees no change any more.", program.Name(fn))
		message = "the receive does not ask whether the watch's channel is closed; after the server ends the watch it gets empty events for ever."
		fix = rule.Fix{Description: "leave the loop and watch again when the channel is closed", Sketch: watchSketch(pass, fn, loop)}
	case effects.AssertsError:
		watcher.Step(at, "asserts the object's type; an Error event carries a *metav1.Status", "panic")
		s.Outcome("%s panics with the process when the watch ends with an Error event.", program.Name(fn))
		message = "the event's object is asserted without a look at the event's type; an Error event carries a *metav1.Status and panics here."
		fix = rule.Fix{Description: "look at the event's type first", Sketch: pass.WordsAt(fn, at).Fill("if $event.Type == watch.Error {\n\t$leave\n}", "event", cmp.Or(pass.WordsAt(fn, at).Holder("Object"), "event"), "leave", pass.WordsAt(fn, at).Return(pass.WordsAt(fn, at).Fill("$apierrors.FromObject($event.Object)", "event", cmp.Or(pass.WordsAt(fn, at).Holder("Object"), "event"))))}
	default:
		watcher.Step(at, "takes the closed channel for the end and returns", "nobody watches")
		s.Outcome("From the first end of the watch on, at the latest within the hour, %s sees no change, and nobody is told.", program.Name(fn))
		message = fmt.Sprintf("%s returns when the watch's channel is closed, and nothing starts it again; the server closes every watch within the hour.", program.Name(fn))
		fix = rule.Fix{Description: "watch again, or use an informer", Sketch: pass.WordsIn(fn).Fill("wait.UntilWithContext($ctx, func(ctx context.Context) {\n\t// the watch is opened here, and $func runs until it ends\n}, time.Second)", "func", program.Name(fn), "ctx", pass.WordsIn(fn).Parent())}
	}
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: finding.High, Reason: "every watch ends", Message: message, About: "watch",
		Domain: where.Domain, Proof: where.Proof, Scenario: s, Fix: fix,
	})
}

// watchSketch leaves the loop when the watch is closed.
func watchSketch(pass *rule.Pass, fn *ssa.Function, loop effects.WatchLoop) string {
	w := pass.WordsAt(fn, valid(loop.Receive.Pos(), fn))
	return w.Fill("event, ok := <-$channel\nif !ok {\n\t$leave // who called watches again\n}", "channel", w.Received(), "leave", w.Return(`errors.New("the watch was closed")`))
}
