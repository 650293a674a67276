// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// UnreleasedElections returns the calls that run an election under a context that nothing ends although its configuration
// says that the lease is to be released when the context does, in source order.
// https://pkg.go.dev/k8s.io/client-go/tools/leaderelection#LeaderElectionConfig
func (e *Effects) UnreleasedElections() []ssa.CallInstruction {
	var out []ssa.CallInstruction
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			row := program.Model(site)
			if row == nil || row.Pkg != "k8s.io/client-go/tools/leaderelection" || row.Name != "RunOrDie" && row.Name != "Run" {
				continue
			}
			if ctx := ContextArgument(site); ctx != nil && e.endlessBackground(ctx) && e.releasesOnCancel(site) {
				out = append(out, site)
			}
		}
	}
	return out
}

// endlessBackground tells whether all that a context can be is Background, without a deadline and without anybody who ends it.
func (e *Effects) endlessBackground(ctx ssa.Value) bool {
	origins := e.Contexts().Of(ctx)
	for _, o := range origins {
		if o.Kind != BackgroundContext || o.Bounded || o.Cancellable || o.Deferred != nil {
			return false
		}
	}
	return len(origins) > 0
}

// releasesOnCancel tells whether the configuration of an election always sets ReleaseOnCancel.
func (e *Effects) releasesOnCancel(run ssa.CallInstruction) bool {
	configs := []ssa.Value{program.Argument(run, 1)}
	if recv := program.Receiver(run); recv != nil {
		configs = nil
		for _, src := range e.Program.Sources(recv).Values {
			if ex, ok := src.(*ssa.Extract); ok {
				src = ex.Tuple
			}
			if made, ok := src.(*ssa.Call); ok && len(made.Call.Args) == 1 {
				configs = append(configs, made.Call.Args[0])
			}
		}
	}
	set := false
	for _, config := range configs {
		values, _ := e.Program.FieldOf(config, "ReleaseOnCancel")
		for _, v := range values {
			c, ok := v.(*ssa.Const)
			if !ok || c.Value == nil || c.Value.Kind() != constant.Bool || !constant.BoolVal(c.Value) {
				return false
			}
			set = true
		}
	}
	return set
}
