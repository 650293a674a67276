// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// net is how a function changes the locks of its caller.
type net struct {
	// taken are left held by every return, released are the caller's and given up for good on some path.
	taken    []Holding
	released []Lock
	// retaken are given up and taken again.
	retaken []Lock

	given []Lock
	exits int
	back  [][]Lock
}

func (n *net) gives(lock Lock) {
	if !slices.Contains(n.given, lock) {
		n.given = append(n.given, lock)
	}
}

func (n *net) retakes(lock Lock) {
	if !slices.Contains(n.retaken, lock) {
		n.retaken = append(n.retaken, lock)
	}
}

// exit joins the state of one return.
func (n *net) exit(s *path) {
	if n.exits == 0 {
		n.taken = slices.Clone(s.held)
	} else {
		n.taken = commonHoldings(n.taken, s.held)
	}
	n.exits++
	n.back = append(n.back, slices.Clone(s.dropped))
}

// finish decides which of the caller's locks are gone when the function returns.
func (n *net) finish() {
	for _, lock := range n.given {
		for _, dropped := range n.back {
			if slices.Contains(dropped, lock) {
				n.released = append(n.released, lock)
				break
			}
		}
	}
	n.given, n.back = nil, nil
}

func (n *net) equal(o *net) bool {
	if o == nil {
		return len(n.taken) == 0 && len(n.released) == 0
	}
	same := func(a, b Holding) bool { return a.Lock == b.Lock && a.Mode == b.Mode }
	return slices.EqualFunc(n.taken, o.taken, same) && slices.Equal(n.released, o.released)
}

// translate renames a lock of a callee in terms of the function that calls it.
func (l *Locks) translate(lock Lock, e program.Edge) Lock {
	param, ok := lock.Ref.Root.(*ssa.Parameter)
	if !ok || param.Parent() != e.Callee {
		return lock // a package variable, or a variable of the function around a closure: it has one name everywhere
	}
	arg := program.ArgumentFor(e, slices.Index(e.Callee.Params, param))
	if arg == nil {
		lock.Ref = Ref{}
		return lock
	}
	base := l.place.refOf(arg)
	lock.Ref = l.place.unwrap(Ref{base.Root, base.Path + lock.Ref.Path})
	if !lock.Place.Known() {
		lock.Place = l.place.placeOf(arg)
	}
	return lock
}

// same tells whether two locks are surely one: the same instance, or the same package variable or local variable.
func (l *Locks) same(a, b Lock) bool {
	if !a.Place.Known() || a.Place != b.Place || a.Place.Keyed() {
		return a.Ref.Root != nil && a.Ref == b.Ref
	}
	if a.Place.Global != nil || a.Place.Local != nil {
		return true
	}
	return a.Ref.Root != nil && (a.Ref == b.Ref || l.oneInstance(a.Ref, b.Ref))
}

// oneInstance tells whether two refs lead to the one object that the program ever makes of its type.
func (l *Locks) oneInstance(a, b Ref) bool {
	if a.Root == nil || b.Root == nil || a.Path != b.Path {
		return false
	}
	x, y := l.program.Sources(a.Root), l.program.Sources(b.Root)
	if x.Partial || y.Partial || len(x.Values) != 1 || len(y.Values) != 1 || x.Values[0] != y.Values[0] {
		return false
	}
	alloc, ok := x.Values[0].(*ssa.Alloc)
	return ok && l.program.RunsOnce(alloc)
}
