// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// judgeTransports tells of HTTP transports that are made anew for each call and dropped with their idle connections.
func judgeTransports(pass *rule.Pass, fn *ssa.Function) {
	for _, made := range effects.LostTransports(fn) {
		where := pass.Where(fn)
		if !where.Repeats() || pass.Program.FewTimes(made) {
			continue // it does not pile up, or that is not known
		}
		at := valid(made.Pos(), fn)
		s := rule.NewScenario()
		actor := s.Actor(where.Actor(fn), where.Runs())
		actor.Step(at, "makes a transport and sends a request", "1 connection")
		actor.Step(at, "is done and forgets the transport", "the connection is idle, and kept for the next request of this transport")
		actor.Step(at, "comes here again", "1 connection more")
		s.Outcome("Each call of %s leaves a connection and two goroutines, until the other side closes it.", program.Name(fn))
		pass.Report(rule.Report{
			Func: fn, Pos: at, Severity: finding.High, Reason: "one more stays for each call of " + where.Actor(fn),
			Message: fmt.Sprintf("%s makes a transport for each call and drops it with its idle connections; nothing closes them on this side.", program.Name(fn)),
			About:   "HTTP transport", Domain: where.Domain, Proof: where.Proof, Scenario: s,
			Fix: rule.Fix{Description: "share one transport, or close what is idle", Sketch: pass.WordsAt(fn, at).Fill("$made\ndefer transport.CloseIdleConnections() // transport: the one that is made here", "made", pass.WordsAt(fn, at).Line())},
		})
	}
}

// judgeHandedTransports tells of HTTP transports that a function makes anew for each client it returns, where all who ask
// for one drop it.
func judgeHandedTransports(pass *rule.Pass, fn *ssa.Function) {
	for _, handed := range pass.Effects.HandedTransports(fn) {
		where := pass.Where(fn)
		if !where.Repeats() || pass.Program.FewTimes(handed.Made) {
			continue // it does not pile up, or that is not known
		}
		at := valid(handed.Made.Pos(), fn)
		user := program.Name(handed.Users[len(handed.Users)-1])
		s := rule.NewScenario()
		actor := s.Actor(where.Actor(fn), where.Runs())
		actor.Step(at, "makes a client with a transport of its own", "")
		actor.Step(at, user+" sends a request", "1 connection")
		actor.Step(at, user+" forgets the client", "the connection is idle, and kept for the next request of this transport")
		actor.Step(at, "comes here again", "1 connection more")
		s.Outcome("Each client of %s leaves a connection and two goroutines, until the other side closes it.", program.Name(fn))
		pass.Report(rule.Report{
			Func: fn, Pos: at, Severity: finding.High, Reason: "one more stays for each call of " + where.Actor(fn),
			Message: fmt.Sprintf("%s makes a transport for each client, and %s drops it with its idle connections; nothing closes them on this side.", program.Name(fn), user),
			About:   "HTTP transport", Domain: where.Domain, Proof: where.Proof, Scenario: s,
			Fix: rule.Fix{Description: "share one transport, or bound how long it keeps what is idle", Sketch: "transport := http.DefaultTransport.(*http.Transport).Clone() // with an IdleConnTimeout\n// and in transport what is set at " + pass.Program.At(at)},
		})
	}
}
