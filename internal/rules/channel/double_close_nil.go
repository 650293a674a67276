// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// twiceAroundNil tells of a close that asks whether the field is nil, where another close of the same channel does not set
// it to nil: the question is then answered wrongly.
func twiceAroundNil(p *rule.Pass, c *effects.Channel) bool {
	closes := c.Of(effects.ChannelClose)
	for _, tested := range closes {
		field, ok := effects.OnlyIfSet(tested)
		// Nothing is asked, or more than that; or the operand may be another channel.
		if !ok || !tested.Exact || len(tested.Channels) != 1 || !p.Watched(tested.Func) {
			continue
		}
		for _, other := range closes {
			if other == tested || other.Func == tested.Func || !other.Exact || len(other.Channels) != 1 || p.Program.InTest(other.Func) {
				continue
			}
			// It clears the field itself, sets it anew or recovers, or one Once runs both.
			if p.Effects.Clears(other.Func, field) || p.Effects.Replaces(other, field) || p.Effects.Recovers(other.Func) || p.Effects.RunsOnce(other.Func) && p.Effects.RunsOnce(tested.Func) {
				continue
			}
			// It asks the same question, or one close is called by the other's function.
			if _, asks := effects.OnlyIfSet(other); asks || p.Effects.Reach(tested.Func)[other.Func] || p.Effects.Reach(other.Func)[tested.Func] {
				continue
			}
			tellDouble(p, c, tested, other, fmt.Sprintf("%s closes it and leaves %s set, so %s closes it again",
				program.Name(other.Func), tested.Expr, program.Name(tested.Func)))
			return true
		}
	}
	return false
}
