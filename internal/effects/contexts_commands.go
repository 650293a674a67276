// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

const cobraPkg = "github.com/spf13/cobra"

// execution is a call that runs the commands of a program.
type execution struct {
	in *ssa.Function
	// endless is set where they get Background, which cobra gives them as well where they are given nothing.
	// https://pkg.go.dev/github.com/spf13/cobra#Command.Context
	endless bool
}

// commandsNeverEnd tells whether the command whose context a function asks for is executed under a context that never ends,
// in all programs that have the function.
func (c *Contexts) commandsNeverEnd(fn *ssa.Function) bool {
	if c.executions == nil {
		c.executions = []execution{}
		c.findExecutions()
	}
	found := false
	for _, x := range c.executions {
		if c.p.Apart(x.in, fn) {
			continue
		}
		if !x.endless {
			return false
		}
		found = true
	}
	return found
}

func (c *Contexts) findExecutions() {
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
				c.executions = append(c.executions, execution{fn, c.NeverEnds(ContextArgument(site))})
			case "Execute", "ExecuteC":
				c.executions = append(c.executions, execution{fn, true})
			}
		}
	}
}
