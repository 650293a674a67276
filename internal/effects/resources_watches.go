// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// watchesHeld tells whether all that an event broadcaster was told to start can be stopped without it: somebody has hold
// of each watch that StartLogging and its like return. Stopping these is what the library offered before Shutdown.
func watchesHeld(broadcaster ssa.Value) bool {
	held := false
	for _, alias := range aliases(broadcaster) {
		for _, ref := range *alias.Referrers() {
			call, ok := ref.(*ssa.Call)
			if !ok || program.Receiver(call) != alias || !isWatch(firstResult(call)) {
				continue
			}
			if !used(call) {
				return false
			}
			held = true
		}
	}
	return held
}

// used tells whether anything is done with the result of a call.
func used(call *ssa.Call) bool {
	for _, ref := range *call.Referrers() {
		if _, debug := ref.(*ssa.DebugRef); !debug {
			return true
		}
	}
	return false
}
