// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Backwards is a duration that is computed as an earlier time minus a later one, so that it is never positive, and used
// as if it were.
type Backwards struct {
	Call *ssa.Call
	// Earlier and Later name the two times; Later is empty for the clock of now.
	Earlier, Later string
	// Use is where the duration is measured, compared or handed on.
	Use ssa.Instruction
}

// BackwardsDurations returns the durations of own code that are computed the wrong way round, in source order.
func (e *Effects) BackwardsDurations() []Backwards {
	var out []Backwards
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			if call, ok := site.(*ssa.Call); ok {
				if b, found := e.backwards(call); found {
					out = append(out, b)
				}
			}
		}
	}
	return out
}

func (e *Effects) backwards(call *ssa.Call) (Backwards, bool) {
	x, y := subtraction(call)
	if x == nil {
		return Backwards{}, false
	}
	b := Backwards{Call: call}
	holder, name := timeField(x)
	if y != nil {
		if other, later := timeField(y); holder != nil && other != nil && sameSpelling(holder, other, 0) && startName(name) && endName(later) {
			b.Earlier, b.Later = name, later
		}
	}
	if b.Later == "" {
		switch {
		case y != nil && !e.readsNow(y):
			return b, false
		case holder != nil && longPast[name]:
			b.Earlier = name
		case y != nil && readBefore(x, y):
			b.Earlier = "a reading of the clock"
		default:
			return b, false
		}
	}
	b.Use = misused(call)
	return b, b.Use != nil
}

// subtraction reads x.Sub(y) and time.Until(x), whose y is the clock of now: nil.
func subtraction(call *ssa.Call) (x, y ssa.Value) {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "time" {
		return nil, nil
	}
	switch {
	case target.Name() == "Sub" && len(call.Call.Args) == 2 && isMoment(call.Call.Args[0].Type()):
		return call.Call.Args[0], call.Call.Args[1]
	case target.Name() == "Until" && len(call.Call.Args) == 1:
		return call.Call.Args[0], nil
	}
	return nil, nil
}

// timeField returns the struct and the name of the field that a time is the value of; nil if it is no plain field.
func timeField(v ssa.Value) (holder ssa.Value, name string) {
	for {
		var in ssa.Value
		var field int
		switch x := v.(type) {
		case *ssa.UnOp:
			if x.Op != token.MUL {
				return nil, ""
			}
			v = x.X
			continue
		case *ssa.Call:
			target := program.Target(x)
			if target == nil || len(x.Call.Args) != 1 || x.Call.IsInvoke() {
				return nil, ""
			}
			switch target.Name() {
			case "UTC", "Local":
				v = x.Call.Args[0]
				continue
			}
			return nil, ""
		case *ssa.FieldAddr:
			in, field = x.X, x.Field
		case *ssa.Field:
			in, field = x.X, x.Field
		default:
			return nil, ""
		}
		if isMoment(in.Type()) { // the time.Time in a metav1.Time
			v = in
			continue
		}
		name, _ = fieldOf(in.Type(), field)
		return in, name
	}
}

// longPast are the times of objects that lie in the past for whoever reads them: the server or the owner has written them
// when the thing happened.
var longPast = map[string]bool{"CreationTimestamp": true, "LastTransitionTime": true, "LastHeartbeatTime": true, "LastProbeTime": true}

// startName tells whether a field is called after the start of something, as the Kubernetes API and crypto/x509 do.
func startName(name string) bool {
	return hasPrefix(name, "Start", "Begin", "Begun", "NotBefore", "Creation", "CreatedAt", "FirstTimestamp", "FirstSeen")
}

// endName tells whether a field is called after the end of something.
func endName(name string) bool {
	return hasPrefix(name, "Complet", "End", "Finish", "Stop", "NotAfter", "Deletion", "DeletedAt", "Expir", "LastTimestamp", "LastSeen")
}

func hasPrefix(name string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// readsNow tells whether a time is nothing but a reading of the clock.
func (e *Effects) readsNow(v ssa.Value) bool {
	all := e.Moments(v)
	return len(all) > 0 && !slices.ContainsFunc(all, func(m Moment) bool { return m.Clock == nil || m.Moved })
}

// readBefore tells whether two readings of the clock in one function are taken in this order.
func readBefore(x, y ssa.Value) bool {
	a, ok := x.(*ssa.Call)
	if !ok {
		return false
	}
	b, ok := y.(*ssa.Call)
	return ok && isNow(program.Target(a)) && isNow(program.Target(b)) && a.Parent() == b.Parent() && MustPrecede(a, b)
}

// misused returns where a duration is taken for a positive one; nil when its sign is turned or looked at, when something
// is added, or when it is only shown.
func misused(d ssa.Value) ssa.Instruction {
	w := &signWalk{seen: make(map[ssa.Value]bool)}
	w.value(d)
	if w.minded {
		return nil
	}
	return w.use
}

type signWalk struct {
	seen   map[ssa.Value]bool
	minded bool
	use    ssa.Instruction
}

func (w *signWalk) value(v ssa.Value) {
	if w.seen[v] || v.Referrers() == nil {
		return
	}
	w.seen[v] = true
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.BinOp:
			w.operator(x, v)
		case *ssa.Convert, *ssa.ChangeType:
			w.value(x.(ssa.Value))
		case *ssa.Call:
			w.call(x)
		case *ssa.MakeInterface: // printed, mostly
		case *ssa.DebugRef:
		default: // returned, kept, chosen among others: the sign may be looked at elsewhere
			w.minded = true
		}
	}
}

func (w *signWalk) operator(x *ssa.BinOp, v ssa.Value) {
	other := x.X
	if other == v {
		other = x.Y
	}
	switch {
	case x.Op == token.ADD, x.Op == token.SUB, signed(other):
		w.minded = true
	case x.Op == token.MUL, x.Op == token.QUO, x.Op == token.REM:
		w.value(x)
	case w.use == nil:
		w.use = x
	}
}

// signed tells whether a value is a constant that is not positive: what is compared with it or multiplied by it is known to
// have a sign.
func signed(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && c.Value != nil && c.Value.Kind() != constant.String && constant.Sign(c.Value) <= 0
}

func (w *signWalk) call(call *ssa.Call) {
	target := program.Target(call)
	if b, ok := call.Call.Value.(*ssa.Builtin); ok || target == nil {
		w.minded = w.minded || ok && (b.Name() == "max" || b.Name() == "min")
		return
	}
	if target.Pkg() != nil && (target.Pkg().Path() == "time" || target.Pkg().Path() == "math") {
		if target.Name() == "Abs" || target.Name() == "Max" || target.Name() == "Min" {
			w.minded = true
			return
		}
		if b, ok := call.Type().Underlying().(*types.Basic); ok && b.Info()&types.IsNumeric != 0 {
			w.value(call) // Seconds, Round, Truncate
		}
		return
	}
	if w.use == nil {
		w.use = call // a metric, a timer
	}
}
