// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ParsedBack tells whether own code reads the annotation or label that a text ends in with time.Parse, which understands
// offsets: the instant is the same whatever zone the text is in.
func (e *Effects) ParsedBack(fate Fate) bool {
	update, ok := fate.At.(*ssa.MapUpdate)
	if !ok {
		return false
	}
	keys, _ := e.Program.String(update.Key)
	for _, key := range keys {
		if e.parsedKeys()[key] {
			return true
		}
	}
	return false
}

// parsedKeys are the keys of annotations and labels that own code parses as times.
func (e *Effects) parsedKeys() map[string]bool {
	if e.timeKeys != nil {
		return e.timeKeys
	}
	e.timeKeys = make(map[string]bool)
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			target := program.Target(site)
			if target == nil || target.Pkg() == nil || target.Pkg().Path() != "time" || target.Name() != "Parse" {
				continue
			}
			for _, lookup := range e.lookups(site.Common().Args[1]) {
				keys, _ := e.Program.String(lookup.Index)
				for _, key := range keys {
					e.timeKeys[key] = true
				}
			}
		}
	}
	return e.timeKeys
}

// lookups returns the readings of maps that a text comes from.
func (e *Effects) lookups(text ssa.Value) []*ssa.Lookup {
	var out []*ssa.Lookup
	for _, src := range e.Program.Sources(text).Values {
		if ex, ok := src.(*ssa.Extract); ok {
			src = ex.Tuple
		}
		if lookup, ok := src.(*ssa.Lookup); ok {
			out = append(out, lookup)
		}
	}
	return out
}
