// SPDX-License-Identifier: Apache-2.0

// Package monotonic is the wing of the catalogue for values that must never fall (checklist section 2).
package monotonic

import (
	"embed"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{
	timestampRegress,
	counterOverwrite,
	transitionReset,
	bufferLoss,
	negativeElapsed,
	staleMerge,
	generationRegress,
}

// reviewed tells whether a story is of code under review.
func reviewed(pass *rule.Pass, s *effects.Story) bool {
	return pass.Reviewed(s.Func) && pass.Reviewed(s.Write.Func())
}

// where is where the write of a story runs.
func where(pass *rule.Pass, s *effects.Story) rule.Where {
	set := s.Domain()
	out := rule.Where{Domain: set.Worst()}
	if out.Proof = set.Proof(out.Domain); out.Proof != nil {
		out.Entry = out.Proof.Entry
	}
	return out
}

// kindName is the kind of the written object as a reader knows it.
func kindName(s *effects.Story) string {
	if k, ok := s.Kind(); ok {
		return k.Name
	}
	return "object"
}

// tested tells whether somebody looks at the stored field, or at a part of it, before the change.
func tested(ch *effects.Event, path string) bool {
	for _, p := range ch.Guards().Places {
		if p.Path != "" && effects.Overlaps(p.Path, path) {
			return true
		}
	}
	return false
}

// once remembers what was told: a helper with several callers is one cause.
type once map[ssa.Instruction]bool

func (o once) again(at ssa.Instruction) bool {
	if o[at] {
		return true
	}
	o[at] = true
	return false
}
