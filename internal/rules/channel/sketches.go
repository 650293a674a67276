// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/rule"
)

// sending is a send as the code has it.
func sending(p *rule.Pass, send *effects.ChannelOp) string {
	if line := p.WordsAt(send.Func, send.Pos).Line(); strings.Contains(line, "<-") && !strings.Contains(line, "\n") {
		return line
	}
	return send.Expr + " <- value"
}

// leaveSketch lets a sender leave when its work is to end.
func leaveSketch(p *rule.Pass, send *effects.ChannelOp) string {
	w := p.WordsAt(send.Func, send.Pos)
	return w.Fill("select {\ncase $send:\n$ended\n\t$leave\n}", "send", sending(p, send), "leave", w.Return("nil"))
}

// bufferSketch makes a channel with room for one value.
func bufferSketch(p *rule.Pass, c *effects.Channel) string {
	return fmt.Sprintf("%s = make(%s, 1)", c.Name, p.Words(c.Make).Type(c.Make.Type()))
}
