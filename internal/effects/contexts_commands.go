// SPDX-License-Identifier: Apache-2.0

package effects

import "github.com/replicavet/replicavet/internal/program"

const cobraPkg = "github.com/spf13/cobra"

// commandsNeverEnd tells whether own code executes its commands without a context: cobra gives them Background then.
// https://pkg.go.dev/github.com/spf13/cobra#Command.Context
func (c *Contexts) commandsNeverEnd() bool {
	if c.endlessCommands == nil {
		endless := c.findEndlessCommands()
		c.endlessCommands = &endless
	}
	return *c.endlessCommands
}

func (c *Contexts) findEndlessCommands() bool {
	executed := false
	for _, fn := range c.p.Funcs {
		if c.p.InTest(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			target := program.Target(site)
			if target == nil || target.Pkg() == nil || target.Pkg().Path() != cobraPkg {
				continue
			}
			switch target.Name() {
			case "ExecuteContext", "ExecuteContextC", "SetContext":
				return false
			case "Execute", "ExecuteC":
				executed = true
			}
		}
	}
	return executed
}
