// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// twiceByElection tells of a channel that the callbacks of one leader election both close.
func twiceByElection(p *rule.Pass, c *effects.Channel, closes map[*effects.Channel]effects.ElectionCloses) bool {
	both, ok := closes[c]
	if !ok || !p.Watched(both.OnStopped) || p.Program.InTest(both.OnStopped) {
		return false
	}
	tellDouble(p, c, both.Stopped, both.Started, fmt.Sprintf(
		"%s closes it as OnStartedLeading, and the election calls %s as OnStoppedLeading whenever it ends",
		program.Name(both.OnStarted), program.Name(both.OnStopped)))
	return true
}
