// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// UsedUp is a request under a deadline that was set before a wait for something else, which may take longer.
type UsedUp struct {
	Made, Wait, Site ssa.CallInstruction
}

// UsedUps returns the requests of a function whose time is spent before they are sent, one for each deadline.
func (e *Effects) UsedUps(fn *ssa.Function) []UsedUp {
	var out []UsedUp
	for site := range program.Sites(fn) {
		d := derivationAt(site)
		if d == nil || !setsDeadline(d.made) {
			continue
		}
		if wait, use := e.spentBefore(d); use != nil {
			out = append(out, UsedUp{d.made, wait, use})
		}
	}
	return out
}

func setsDeadline(made *ssa.Call) bool {
	target := program.Target(made)
	return target != nil && (strings.HasPrefix(target.Name(), "WithTimeout") || strings.HasPrefix(target.Name(), "WithDeadline"))
}

// spentBefore returns a wait that the deadline does not end, and a request under it behind the wait; nil if there are none.
func (e *Effects) spentBefore(d *derivation) (wait, use ssa.CallInstruction) {
	for site := range program.Sites(d.made.Parent()) {
		call, ok := site.(*ssa.Call)
		if !ok {
			continue
		}
		if wait == nil && waitsElsewhere(call) && Before(d.made, call) && !d.is(ContextArgument(call), call, 0) {
			wait = call
			continue
		}
		if wait != nil && Before(wait, call) && d.is(ContextArgument(call), call, 0) && e.failsWhenOver(call) {
			return wait, call
		}
	}
	return nil, nil
}

// waitsElsewhere tells whether a call waits, for as long as it takes, for something that other machines do: for caches, for a
// condition, for a server that is probed for ever.
func waitsElsewhere(call *ssa.Call) bool {
	target := program.Target(call)
	if target == nil || target.Signature().Recv() != nil && isGroupType(target.Signature().Recv().Type()) {
		return false
	}
	if strings.HasSuffix(target.Name(), "Forever") && target.Name() != "Forever" {
		return true
	}
	row := program.Model(call)
	if row == nil || row.Effect != kube.Block || row.GivesUp {
		return false
	}
	return strings.Contains(row.Name, "CacheSync") || strings.HasPrefix(row.Name, "Poll")
}

// isGroupType tells whether a type counts goroutines: they may work under the deadline themselves.
func isGroupType(t types.Type) bool {
	return program.IsNamed(t, "sync", "WaitGroup") || program.IsNamed(t, errgroupPkg, "Group")
}
