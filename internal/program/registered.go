// SPDX-License-Identifier: Apache-2.0

package program

import "golang.org/x/tools/go/ssa"

// registrationDepth bounds the calls that are followed back from a step of setting up and from a registration.
const registrationDepth = 4

// RegisteredAfter tells whether a reconciler is registered after an instruction, by the same function or by what it
// calls: nobody calls it before.
func (p *Program) RegisteredAfter(instr ssa.Instruction, e *Entry) bool {
	site := p.siteAt(e)
	if site == nil {
		return false
	}
	steps := p.stepsTo(instr)
	seen := make(map[*ssa.Function]bool)
	queue := []ssa.Instruction{site}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if step := steps[at.Parent()]; step != nil {
			return MayPrecede(step, at) && !MayPrecede(at, step)
		}
		if seen[at.Parent()] || len(seen) > registrationDepth {
			continue
		}
		seen[at.Parent()] = true
		for _, e := range p.Callers(at.Parent()) {
			if e.How == Calls {
				queue = append(queue, e.Site)
			}
		}
	}
	return false
}

// stepsTo returns the one way to an instruction: by function, the call that leads there.
func (p *Program) stepsTo(instr ssa.Instruction) map[*ssa.Function]ssa.Instruction {
	steps := map[*ssa.Function]ssa.Instruction{instr.Parent(): instr}
	for at := instr; len(steps) <= registrationDepth; {
		callers := p.Callers(at.Parent())
		if len(callers) != 1 || callers[0].How != Calls || steps[callers[0].Caller()] != nil {
			break
		}
		at = callers[0].Site
		steps[at.Parent()] = at
	}
	return steps
}
