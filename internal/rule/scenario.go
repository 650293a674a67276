// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"errors"
	"fmt"
	"go/token"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
)

// Scenario is the interleaving that shows a finding. Build it step by step in the order in which things happen.
type Scenario struct {
	actors  []*Actor
	steps   []step
	outcome string
}

// Actor is a goroutine or a replica that takes part.
type Actor struct {
	scenario *Scenario
	name     string
	runs     string
}

type step struct {
	actor         *Actor
	pos           token.Pos
	action, state string
}

// NewScenario starts an empty scenario.
func NewScenario() *Scenario { return new(Scenario) }

// Actor adds an actor: its name as readers know it (replica A, goroutine of Run) and what it executes.
func (s *Scenario) Actor(name, runs string) *Actor {
	a := &Actor{scenario: s, name: name, runs: runs}
	s.actors = append(s.actors, a)
	return a
}

// Step adds the next step: what the actor does at pos, and what holds after it (state may be empty).
func (a *Actor) Step(pos token.Pos, action, state string) {
	a.scenario.steps = append(a.scenario.steps, step{a, pos, action, state})
}

// Outcome says what is lost or stuck in the end.
func (s *Scenario) Outcome(format string, args ...any) { s.outcome = fmt.Sprintf(format, args...) }

// check finds what would make a scenario show nothing.
func (s *Scenario) check() error {
	switch {
	case s == nil:
		return errors.New("report without a scenario")
	case len(s.steps) < 2:
		return errors.New("scenario with fewer than two steps")
	case s.outcome == "":
		return errors.New("scenario without an outcome")
	}
	acted := make(map[*Actor]bool)
	for _, st := range s.steps {
		if !st.pos.IsValid() {
			return fmt.Errorf("scenario step without a position: %s", st.action)
		}
		acted[st.actor] = true
	}
	for _, a := range s.actors {
		if !acted[a] {
			return fmt.Errorf("actor %s never acts", a.name)
		}
	}
	return nil
}

func (s *Scenario) render(p *program.Program) finding.Scenario {
	out := finding.Scenario{Outcome: s.outcome}
	for _, a := range s.actors {
		out.Actors = append(out.Actors, finding.Actor{Name: a.name, Runs: a.runs})
	}
	for _, st := range s.steps {
		file, line, _ := p.Position(st.pos)
		out.Steps = append(out.Steps, finding.Step{Actor: st.actor.name, Action: st.action, State: st.state, File: file, Line: line})
	}
	return out
}
