// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// values is what tests leave of the values of a field: these, or with but set, all other ones.
type values struct {
	named []string
	but   bool
}

// anything is a field that nothing was asked about.
var anything = values{but: true}

// apart tells whether no value is in both.
func (v values) apart(o values) bool {
	switch {
	case v.but && o.but:
		return false
	case v.but:
		return o.apart(v)
	}
	return !slices.ContainsFunc(v.named, func(name string) bool { return slices.Contains(o.named, name) != o.but })
}

// both is what is left by one test after another.
func (v values) both(o values) values {
	switch {
	case v.but && o.but:
		return values{named: union(v.named, o.named), but: true}
	case v.but:
		return o.both(v)
	}
	return values{named: slices.DeleteFunc(slices.Clone(v.named), func(name string) bool { return slices.Contains(o.named, name) == o.but })}
}

// either is what is left where two ways meet.
func (v values) either(o values) values {
	switch {
	case v.but && o.but:
		return values{named: slices.DeleteFunc(slices.Clone(v.named), func(name string) bool { return !slices.Contains(o.named, name) }), but: true}
	case v.but:
		return values{named: slices.DeleteFunc(slices.Clone(v.named), func(name string) bool { return slices.Contains(o.named, name) }), but: true}
	case o.but:
		return o.either(v)
	}
	return values{named: union(v.named, o.named)}
}

func (v values) same(o values) bool {
	return v.but == o.but && len(v.named) == len(o.named) && !slices.ContainsFunc(v.named, func(name string) bool { return !slices.Contains(o.named, name) })
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Apart tells whether two stories write objects in different states: what each of them asks a field about before it changes the
// object excludes the other. Between the read of one and its write, the other one finds nothing to do.
func (s *Story) Apart(o *Story) bool {
	mine, theirs := s.asked(), o.asked()
	for path, v := range mine {
		if w, ok := theirs[path]; ok && v.apart(w) {
			return true
		}
	}
	return false
}

// asked is what the tests on the way to the write leave of the fields of the object, in the function of the story and in those that
// lead from there to the write.
func (s *Story) asked() map[string]values {
	if s.tests != nil {
		return s.tests
	}
	s.tests = make(map[string]values)
	fn, w := s.Func, s.Write
	for {
		for path, v := range s.e.askedIn(fn, w) {
			if before, ok := s.tests[path]; ok {
				v = v.both(before)
			}
			s.tests[path] = v
		}
		if len(w.Chain) == 0 {
			return s.tests
		}
		callees := s.e.Program.Static(w.Chain[0])
		if len(callees) != 1 {
			return s.tests
		}
		i := slices.IndexFunc(s.e.Events(callees[0]), func(ev *Event) bool {
			return ev.Kind == Write && ev.Origin == w.Origin && ev.Root != nil && slices.Equal(ev.Chain, w.Chain[1:])
		})
		if i < 0 {
			return s.tests
		}
		fn, w = callees[0], s.e.Events(callees[0])[i]
	}
}

// askedIn is what the tests of one function, those before the object is changed, leave of its fields where it is written.
func (e *Effects) askedIn(fn *ssa.Function, w *Event) map[string]values {
	same := e.kin(fn, w.Object)
	tests := make(map[*ssa.If]fieldTest)
	paths := make(map[string]bool)
	for _, b := range fn.Blocks {
		branch, ok := last(b).(*ssa.If)
		if !ok {
			continue
		}
		if t, ok := e.fieldTest(fn, branch, same); ok && !e.changedBefore(fn, same, t.path, branch) {
			tests[branch] = t
			paths[t.path] = true
		}
	}
	out := make(map[string]values)
	for path := range paths {
		if v := leftAt(fn, w.At.Block(), path, tests); len(v.named) > 0 || !v.but {
			out[path] = v
		}
	}
	return out
}

// fieldTest is a comparison of a field with a constant.
type fieldTest struct {
	path, value string
	equal       bool // the first side runs where it is equal
}

func (e *Effects) fieldTest(fn *ssa.Function, branch *ssa.If, same []Object) (fieldTest, bool) {
	op, ok := branch.Cond.(*ssa.BinOp)
	if !ok || op.Op != token.EQL && op.Op != token.NEQ {
		return fieldTest{}, false
	}
	c, ok := op.Y.(*ssa.Const)
	if !ok {
		return fieldTest{}, false
	}
	p, ok := e.Place(fn, op.X)
	if !ok || p.Path == "" || !contains(same, p.Object) {
		return fieldTest{}, false
	}
	value := "nil"
	if c.Value != nil {
		value = c.Value.ExactString()
	}
	return fieldTest{path: p.Path, value: value, equal: op.Op == token.EQL}, true
}

// changedBefore tells whether own code may have changed what a test looks at. A change behind the test, in a loop, is one of another
// element, or of what the next round reads again.
func (e *Effects) changedBefore(fn *ssa.Function, same []Object, path string, branch *ssa.If) bool {
	again := slices.ContainsFunc(e.Events(fn), func(ev *Event) bool {
		return ev.Kind == Read && contains(same, ev.Object) && SameLoop(ev.At, branch) && MustPrecede(ev.At, branch)
	})
	return slices.ContainsFunc(e.Events(fn), func(ev *Event) bool {
		return ev.Kind == Change && contains(same, ev.Object) && Overlaps(ev.Path, path) && MayPrecede(ev.At, branch) &&
			!(MustPrecede(branch, ev.At) && (again || strings.HasSuffix(ev.Object.Base, "[]")))
	})
}

// leftAt follows the tests of a field over all ways to a block.
func leftAt(fn *ssa.Function, at *ssa.BasicBlock, path string, tests map[*ssa.If]fieldTest) values {
	in := map[*ssa.BasicBlock]values{fn.Blocks[0]: anything}
	work := []*ssa.BasicBlock{fn.Blocks[0]}
	for len(work) > 0 {
		b := work[0]
		work = work[1:]
		branch, _ := last(b).(*ssa.If)
		test, asks := tests[branch]
		asks = asks && test.path == path && b.Succs[0] != b.Succs[1]
		for i, succ := range b.Succs {
			v := in[b]
			if asks {
				v = v.both(values{named: []string{test.value}, but: (i == 0) != test.equal})
				if !v.but && len(v.named) == 0 {
					continue // nobody comes this way
				}
			}
			before, seen := in[succ]
			if seen {
				v = v.either(before)
			}
			if !seen || !v.same(before) {
				in[succ] = v
				work = append(work, succ)
			}
		}
	}
	if v, ok := in[at]; ok {
		return v
	}
	return anything
}
