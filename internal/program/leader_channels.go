// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// A channel that only the leader closes is a gate: who receives from it runs on the leader alone. Who closes it depends on
// the domains of functions, and these on the gates. So it begins without such channels, and the domains that follow show
// some, until they show no more.

// leaderChannel says why a receive from ch means leadership: it is Elected(), or only leader-only code closes it.
func (p *Program) leaderChannel(ch ssa.Value) string {
	srcs := p.Sources(ch)
	if srcs.Partial || len(srcs.Values) == 0 {
		return ""
	}
	why := ""
	for _, src := range srcs.Values {
		switch x := src.(type) {
		case *ssa.Call:
			row := Model(x)
			if row == nil || row.Effect != kube.LeaderGate {
				return ""
			}
			why = "the manager to be elected"
		case *ssa.MakeChan:
			closer := p.leaderCloses[x]
			if closer == "" {
				return ""
			}
			why = closer
		case *ssa.Const: // nil blocks for ever: nobody passes
		default:
			return ""
		}
	}
	return why
}

// LeaderChannel says in one clause why a receive from ch means leadership, or "" where it does not.
func (p *Program) LeaderChannel(ch ssa.Value) string {
	p.settleDomains()
	return p.leaderChannel(ch)
}

// settleDomains finds the domains of all functions, and the channels that only the leader closes.
func (p *Program) settleDomains() {
	if p.entryAt == nil || p.reach != nil {
		return // still looking for the entry points, or done
	}
	closers := p.closers()
	for again := true; again; {
		clear(p.gates)
		p.handed, p.unfollowed = nil, nil
		p.reach = p.spread()
		again = p.findLeaderChannels(closers)
	}
	clear(p.domains)
}

// findLeaderChannels looks for channels that only the leader closes, as far as is known where code runs, and tells whether
// it found one more.
func (p *Program) findLeaderChannels(closers map[*ssa.MakeChan][]ssa.CallInstruction) (found bool) {
	more := make(map[*ssa.MakeChan]string)
	for ch, sites := range closers {
		leads := func(site ssa.CallInstruction) bool {
			return p.domainSet(site.Parent(), p.gateBefore(site)).Worst() == LeaderOnly
		}
		if _, known := p.leaderCloses[ch]; !known && !slices.ContainsFunc(sites, func(site ssa.CallInstruction) bool { return !leads(site) }) {
			last := sites[len(sites)-1]
			more[ch] = fmt.Sprintf("a channel that only the leader closes (%s at %s)", Name(last.Parent()), p.At(last.Pos()))
		}
	}
	for ch, why := range more {
		p.leaderCloses[ch] = why
	}
	return len(more) > 0
}

// closers lists the calls that close a channel, in source order, for each channel that own code makes.
func (p *Program) closers() map[*ssa.MakeChan][]ssa.CallInstruction {
	out := make(map[*ssa.MakeChan][]ssa.CallInstruction)
	for _, fn := range p.Funcs {
		for site := range Sites(fn) {
			if b, ok := site.Common().Value.(*ssa.Builtin); !ok || b.Name() != "close" {
				continue
			}
			for _, src := range p.Sources(site.Common().Args[0]).Values {
				if ch, ok := src.(*ssa.MakeChan); ok {
					out[ch] = append(out[ch], site)
				}
			}
		}
	}
	return out
}
