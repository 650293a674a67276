// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Feeder is code that puts values into memory from where a story takes them: a handler that buffers what a loop writes.
type Feeder struct {
	Store *ssa.Store
	Entry *program.Entry
	// Proof is the path from the entry to the function that stores.
	Proof *program.Proof
}

// Feeders returns the entry points of other goroutines that feed the values a story writes: those that store into the
// struct fields which the changes are computed from, in source order, each entry once.
func (s *Story) Feeders() []Feeder {
	own := make(map[*program.Entry]bool)
	for _, e := range s.e.Program.EntriesOf(s.Func) {
		own[e] = true
	}
	var out []Feeder
	for _, ch := range s.Changes() {
		for _, dep := range ch.Deps().Places {
			if _, api := kube.KindOf(pointee(dep.Root.Type())); api {
				continue // a field of an object that was read: other code changes other copies of it
			}
			key, ok := fieldAt(dep)
			if !ok {
				continue
			}
			for _, store := range s.e.Program.FieldStores(key) {
				if !s.e.Program.Generated(store.Parent()) { // copiers feed nobody
					out = s.e.feeders(out, store, own)
				}
			}
		}
	}
	return out
}

func (e *Effects) feeders(out []Feeder, store *ssa.Store, known map[*program.Entry]bool) []Feeder {
	fn := store.Parent()
	for _, entry := range e.Program.EntriesOf(fn) {
		if known[entry] || entry.Domain == program.Test || entry.Domain == program.StartUp {
			continue
		}
		known[entry] = true
		set := e.Program.DomainOf(fn)
		out = append(out, Feeder{Store: store, Entry: entry, Proof: set.Proof(entry.Domain)})
	}
	return out
}

// fieldAt returns the struct field that a place ends in, when it is a field of a named struct that is no API object.
func fieldAt(p Place) (program.FieldKey, bool) {
	t := p.Root.Type()
	path := concat(p.Base, p.Path)
	var key program.FieldKey
	found := false
	for path != "" {
		var step string
		step, path = nextStep(path)
		if step == "[]" {
			t = element(t)
			continue
		}
		t = pointee(t)
		named := program.Named(t)
		index, field := fieldNamed(t, step)
		if field == nil {
			return program.FieldKey{}, false
		}
		if named != nil {
			key, found = program.FieldKey{Type: named, Index: index}, true
		}
		t = field.Type()
	}
	return key, found
}

// nextStep cuts the first step off a path.
func nextStep(path string) (step, rest string) {
	if rest, ok := strings.CutPrefix(path, "[]"); ok {
		return "[]", strings.TrimPrefix(rest, ".")
	}
	end := strings.IndexAny(path, ".[")
	switch {
	case end < 0:
		return path, ""
	case path[end] == '.':
		return path[:end], path[end+1:]
	}
	return path[:end], path[end:]
}

// pointee removes all pointers from t.
func pointee(t types.Type) types.Type {
	for {
		ptr, ok := t.Underlying().(*types.Pointer)
		if !ok {
			return t
		}
		t = ptr.Elem()
	}
}

func fieldNamed(t types.Type, name string) (int, *types.Var) {
	s, ok := t.Underlying().(*types.Struct)
	if !ok {
		return 0, nil
	}
	for i := range s.NumFields() {
		if s.Field(i).Name() == name {
			return i, s.Field(i)
		}
	}
	return 0, nil
}

func element(t types.Type) types.Type {
	switch u := t.Underlying().(type) {
	case *types.Map:
		return u.Elem()
	case *types.Slice:
		return u.Elem()
	case *types.Array:
		return u.Elem()
	case *types.Pointer:
		return element(u.Elem())
	}
	return t
}
