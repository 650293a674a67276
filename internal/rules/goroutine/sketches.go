// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// countFirst counts a goroutine before it is started.
func countFirst(p *rule.Pass, add effects.GroupCall, start ssa.Instruction) string {
	w := p.Words(add.Site)
	return w.Fill("$call\ngo func() {\n\tdefer $c.Done()\n\t// what the goroutine does\n}()")
}

// repeatSketch counts down once, when what repeats the work has ended.
func repeatSketch(p *rule.Pass, done effects.GroupCall, repeats ssa.Instruction) string {
	w := p.Words(repeats)
	call := strings.TrimPrefix(strings.TrimPrefix(w.Call(), "go "), "defer ")
	return w.Fill("go func() {\n\tdefer $done\n\t$repeat // and no more Done in what it repeats\n}()", "done", p.Words(done.Site).Call(), "repeat", call)
}

// named is the variable of a resource.
func named(p *program.Program, r effects.Resource) string {
	name, _ := definition(p, r)
	return orName(name, r)
}

// behindTest stops a resource when the function is left; where the code gives it no name, it says what the name stands for.
func behindTest(pass *rule.Pass, name string, r effects.Resource) string {
	if name != "" {
		return "defer " + name + "." + r.Stop + "() // behind the test of the error"
	}
	return pass.Words(r.Site).Fill("defer $name.$stop() // $name: what $call gives; behind the test of the error", "name", orName(name, r), "stop", r.Stop)
}

// loopSketch leaves an endless loop when the work is to end.
func loopSketch(p *rule.Pass, fn *ssa.Function) string {
	w := p.WordsIn(fn)
	return w.Fill("for {\n\tselect {\n\t$ended\n\t\t$leave\n\tdefault:\n\t}\n\t// what the loop does, with the same case beside its wait\n}", "leave", w.Return("nil"))
}
