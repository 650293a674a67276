// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// patience is how long a run stays silent before it says at a terminal what it is doing.
const patience = time.Second

// phases tells on errs what a run is doing: with -v how long each phase took, else at a terminal the phase it is in,
// on one line that is wiped in the end.
type phases struct {
	errs    io.Writer
	verbose bool
	live    bool

	mu             sync.Mutex
	name           string
	started, first time.Time
	timer          *time.Timer
	shown          bool
}

func (inv *invocation) newPhases() *phases {
	now := time.Now()
	p := &phases{errs: inv.errs, verbose: inv.verbose, live: !inv.verbose && terminal(inv.errs), first: now, started: now}
	if p.live {
		p.timer = time.AfterFunc(patience, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.shown = p.live
			p.line()
		})
	}
	return p
}

// begin notes that a phase begins.
func (p *phases) begin(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell()
	p.name, p.started = name, time.Now()
	p.line()
}

// end notes that all is done.
func (p *phases) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell()
	p.name = ""
	if p.verbose {
		fmt.Fprintf(p.errs, "%-8s %6.2f s\n", "total", time.Since(p.first).Seconds())
	}
	p.wipe()
}

// quiet ends the line at the terminal, which the report is about to be written to, and not the time that is taken.
func (p *phases) quiet() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
}

func (p *phases) wipe() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.live = false // the timer may be waiting for the lock
	if p.shown {
		fmt.Fprint(p.errs, "\r\x1b[K")
		p.shown = false
	}
}

func (p *phases) tell() {
	if p.verbose && p.name != "" {
		fmt.Fprintf(p.errs, "%-8s %6.2f s\n", p.name, time.Since(p.started).Seconds())
	}
}

func (p *phases) line() {
	if p.shown && p.name != "" {
		fmt.Fprintf(p.errs, "\r\x1b[Kreplicavet: %s", p.name)
	}
}
