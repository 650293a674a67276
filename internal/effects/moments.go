// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"go/types"
	"time"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Zone is the location that a point in time is shown in.
type Zone int

// The zones of a time.
const (
	// ZoneUnknown: the code does not show it.
	ZoneUnknown Zone = iota
	// ZoneLocal is the zone of the process: time.Now gives it, and so does every metav1.Time that was decoded
	// (metav1.Time.UnmarshalJSON calls Local).
	ZoneLocal
	// ZoneUTC is UTC.
	ZoneUTC
	// ZoneChosen is a zone that the code or its input names.
	ZoneChosen
)

// Moment is one origin of a point in time, and what was done to it on the way.
type Moment struct {
	Zone Zone
	// Origin is the value that the trace ended at.
	Origin ssa.Value
	// Clock is the reading of this process's clock that it comes from; nil if it comes from elsewhere.
	Clock *ssa.Call
	// Stored is the field of an API object that it was read from, as Type.Field; "" if it comes from elsewhere.
	Stored string
	// Whole is set when it has no fraction of a second: it was cut, or came over the wire as a metav1.Time.
	Whole bool
	// Moved is set when a duration was added on the way.
	Moved bool
	// Placed is set when it was put into its zone by name on the way.
	Placed bool
}

// Moments answers where v, a time.Time, a metav1.Time or a pointer to one, can come from: back through own functions,
// fields and parameters. Callers in tests do not count.
func (e *Effects) Moments(v ssa.Value) []Moment {
	w := &momentWalk{e: e, seen: make(map[momentKey]bool)}
	w.value(v, made{})
	return w.out
}

// made is what was done to a moment between its origin and the value asked for.
type made struct {
	zone         Zone
	whole, moved bool
}

type momentKey struct {
	v ssa.Value
	m made
}

const momentBudget = 300

type momentWalk struct {
	e *Effects
	// decoding is set while the zone is asked that a decoder of own code puts times into.
	decoding bool
	seen     map[momentKey]bool
	out      []Moment
}

func (w *momentWalk) end(v ssa.Value, m made, found Moment) {
	found.Origin = v
	if m.zone != ZoneUnknown {
		found.Zone, found.Placed = m.zone, true
	}
	found.Whole = found.Whole || m.whole
	found.Moved = m.moved
	w.out = append(w.out, found)
}

func (w *momentWalk) value(v ssa.Value, m made) {
	key := momentKey{v, m}
	if v == nil || w.seen[key] || len(w.seen) > momentBudget {
		return
	}
	w.seen[key] = true
	switch x := v.(type) {
	case *ssa.Phi:
		for _, edge := range x.Edges {
			w.value(edge, m)
		}
	case *ssa.MakeInterface:
		w.value(x.X, m)
	case *ssa.ChangeType:
		w.value(x.X, m)
	case *ssa.Convert:
		w.value(x.X, m)
	case *ssa.UnOp:
		if x.Op == token.MUL {
			w.at(x.X, m)
		}
	case *ssa.FieldAddr:
		w.field(x, x.X, x.Field, m)
	case *ssa.Field:
		w.field(x, x.X, x.Field, m)
	case *ssa.Alloc, *ssa.FreeVar, *ssa.Global:
		w.at(v, m)
	case *ssa.Call:
		w.call(x, 0, x, m)
	case *ssa.Extract:
		if call, ok := x.Tuple.(*ssa.Call); ok {
			w.call(call, x.Index, x, m)
			return
		}
		w.end(v, m, Moment{})
	case *ssa.Parameter:
		w.parameter(x, m)
	case *ssa.Const: // the zero time
	default:
		w.end(v, m, Moment{})
	}
}

// at continues with what is stored at an address.
func (w *momentWalk) at(addr ssa.Value, m made) {
	switch a := addr.(type) {
	case *ssa.FieldAddr:
		w.field(a, a.X, a.Field, m)
	case *ssa.Alloc:
		w.variable(a, m)
	case *ssa.FreeVar:
		for _, cell := range w.e.Program.Bindings(a) {
			w.at(cell, m)
		}
	case *ssa.Global:
		for _, stored := range w.e.Program.StoredAt(a) {
			w.value(stored, m)
		}
	default:
		w.value(addr, m)
	}
}

// variable continues with what is stored into a local variable, or into the one field of a metav1.Time.
func (w *momentWalk) variable(a *ssa.Alloc, m made) {
	for _, stored := range w.e.Program.StoredAt(a) {
		w.value(stored, m)
	}
	for _, ref := range *a.Referrers() {
		if f, ok := ref.(*ssa.FieldAddr); ok && isMoment(a.Type()) {
			for _, use := range *f.Referrers() {
				if st, ok := use.(*ssa.Store); ok && st.Addr == f {
					w.value(st.Val, m)
				}
			}
		}
	}
}

// isMoment tells whether t, pointers removed, is time.Time, metav1.Time or metav1.MicroTime.
func isMoment(t types.Type) bool {
	for {
		ptr, ok := types.Unalias(t).(*types.Pointer)
		if !ok {
			break
		}
		t = ptr.Elem()
	}
	const meta = "k8s.io/apimachinery/pkg/apis/meta/v1"
	return program.IsNamed(t, "time", "Time") || program.IsNamed(t, meta, "Time") || program.IsNamed(t, meta, "MicroTime")
}

// field steps through the time inside a metav1.Time, ends at a field of an API object, and follows what own code
// stores into any other field.
func (w *momentWalk) field(v, holder ssa.Value, index int, m made) {
	if isMoment(holder.Type()) {
		w.value(holder, m)
		return
	}
	if w.e.IsAPIPart(holder.Type()) {
		t := typeOfField(holder.Type(), index)
		named := program.Named(holder.Type())
		name, _ := fieldOf(holder.Type(), index)
		found := Moment{Stored: named.Obj().Name() + "." + name}
		if !program.IsNamed(t, "time", "Time") {
			found.Zone = w.decodedZone(holder.Type(), index)
			found.Whole = !program.IsNamed(t, "k8s.io/apimachinery/pkg/apis/meta/v1", "MicroTime")
		}
		w.end(v, m, found)
		return
	}
	if program.IsNamed(holder.Type(), "crypto/x509", "Certificate") {
		w.end(v, m, Moment{Zone: ZoneUTC, Whole: true}) // x509.ParseCertificate reads both ASN.1 forms as UTC
		return
	}
	key, ok := program.FieldKeyOf(holder.Type(), index)
	stored := w.e.Program.FieldStores(key)
	followed := false
	for _, st := range stored {
		if !w.e.Program.InTest(st.Parent()) {
			followed = true
			w.value(st.Val, m)
		}
	}
	if !ok || !followed {
		w.end(v, m, Moment{})
	}
}

func typeOfField(t types.Type, index int) types.Type {
	t = types.Unalias(t)
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	return t.Underlying().(*types.Struct).Field(index).Type()
}

// parameter continues at the callers.
func (w *momentWalk) parameter(x *ssa.Parameter, m made) {
	fn, followed := x.Parent(), false
	index := paramIndex(fn, x)
	for _, edge := range w.e.Program.Callers(fn) {
		if w.e.Program.InTest(edge.Caller()) {
			continue
		}
		if arg := program.ArgumentFor(edge, index); arg != nil {
			followed = true
			w.value(arg, m)
		}
	}
	if !followed {
		w.end(x, m, Moment{})
	}
}

// call continues through what is known of time functions, and through own ones.
func (w *momentWalk) call(call *ssa.Call, result int, at ssa.Value, m made) {
	target := program.Target(call)
	if target != nil && target.Pkg() != nil {
		switch target.Pkg().Path() {
		case "time":
			w.timeCall(call, target, at, m)
			return
		case "k8s.io/apimachinery/pkg/apis/meta/v1":
			w.metaCall(call, target, at, m)
			return
		}
		if isMoment(at.Type()) && (target.Name() == "GetCreationTimestamp" || target.Name() == "GetDeletionTimestamp") {
			w.end(at, m, Moment{Zone: ZoneLocal, Stored: target.Name()[len("Get"):], Whole: true}) // of Unstructured, too
			return
		}
		if target.Name() == "Next" && program.IsNamed(at.Type(), "time", "Time") && len(call.Call.Args) > 0 {
			m.moved = true // cron.Schedule.Next answers in the zone of its argument
			w.value(call.Call.Args[len(call.Call.Args)-1], m)
			return
		}
	}
	callees := w.e.Program.Static(call)
	for _, callee := range callees {
		if w.e.Program.InTest(callee) {
			continue
		}
		for _, b := range callee.Blocks {
			if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && result < len(ret.Results) {
				w.value(ret.Results[result], m)
			}
		}
	}
	switch {
	case len(callees) > 0:
	case target != nil && target.Name() == "Now":
		w.end(at, m, Moment{Zone: ZoneLocal, Clock: call})
	case len(call.Call.Args) == 1 && isMoment(call.Call.Args[0].Type()):
		w.value(call.Call.Args[0], m) // ptr.To and its like
	default:
		w.end(at, m, Moment{})
	}
}

// timeCall knows package time.
func (w *momentWalk) timeCall(call *ssa.Call, target *types.Func, at ssa.Value, m made) {
	args := call.Call.Args
	switch target.Name() {
	case "Now":
		w.end(at, m, Moment{Zone: ZoneLocal, Clock: call})
	case "Unix", "UnixMilli", "UnixMicro":
		w.end(at, m, Moment{Zone: ZoneLocal})
	case "Date", "ParseInLocation":
		found := Moment{Zone: w.e.zoneOf(args[len(args)-1])}
		if target.Name() == "ParseInLocation" {
			found.Stored = w.e.storedText(args[1])
		}
		w.end(at, m, found)
	case "Parse":
		w.end(at, m, Moment{Zone: ZoneChosen, Stored: w.e.storedText(args[1])})
	case "UTC", "Local", "In":
		if m.zone == ZoneUnknown {
			m.zone = ZoneUTC
			if target.Name() == "Local" {
				m.zone = ZoneLocal
			}
			if target.Name() == "In" {
				m.zone = w.e.zoneOf(args[len(args)-1])
			}
		}
		w.value(args[0], m)
	case "Add", "AddDate":
		m.moved = true
		w.value(args[0], m)
	case "Truncate", "Round":
		m.whole = m.whole || atLeastSecond(args[1])
		w.value(args[0], m)
	default:
		w.end(at, m, Moment{})
	}
}

// storedText names the annotation or label map, or the field of an API object, that a text is read from; "" if it comes
// from elsewhere.
func (e *Effects) storedText(text ssa.Value) string {
	for _, lookup := range e.lookups(text) {
		if where := e.carriedFrom(lookup.X); where != "" {
			return where
		}
	}
	for _, src := range e.Program.Sources(text).Values {
		load, ok := src.(*ssa.UnOp)
		if !ok {
			continue
		}
		if f, ok := load.X.(*ssa.FieldAddr); ok && e.IsAPIPart(f.X.Type()) {
			name, _ := fieldOf(f.X.Type(), f.Field)
			return program.Named(f.X.Type()).Obj().Name() + "." + name
		}
	}
	return ""
}

// carriedFrom names what a map holds that some object carries.
func (e *Effects) carriedFrom(m ssa.Value) string {
	for _, src := range e.Program.SourcesUntil(m, func(v ssa.Value) bool { return carriedBy(v) != "" }).Values {
		if where := carriedBy(src); where != "" {
			return where
		}
	}
	return ""
}

// metaCall knows metav1's times and the timestamps of objects.
func (w *momentWalk) metaCall(call *ssa.Call, target *types.Func, at ssa.Value, m made) {
	recv := program.Receiver(call)
	switch target.Name() {
	case "Now", "NowMicro":
		w.end(at, m, Moment{Zone: ZoneLocal, Clock: call})
	case "NewTime", "NewMicroTime":
		w.value(call.Call.Args[0], m)
	case "Unix":
		w.end(at, m, Moment{Zone: ZoneLocal, Whole: true})
	case "Rfc3339Copy":
		m.whole = true
		w.value(recv, m)
	case "DeepCopy":
		w.value(recv, m)
	case "GetCreationTimestamp", "GetDeletionTimestamp":
		w.end(at, m, Moment{Zone: ZoneLocal, Stored: target.Name()[len("Get"):], Whole: true})
	default:
		w.end(at, m, Moment{})
	}
}

// zoneOf reads a *time.Location.
func (e *Effects) zoneOf(v ssa.Value) Zone {
	out := ZoneUnknown
	for _, src := range e.Program.Sources(v).Values {
		one := ZoneChosen
		if load, ok := src.(*ssa.UnOp); ok {
			if g, ok := load.X.(*ssa.Global); ok && g.Pkg != nil && g.Pkg.Pkg.Path() == "time" {
				one = map[string]Zone{"UTC": ZoneUTC, "Local": ZoneLocal}[g.Name()]
			}
		}
		if call, ok := src.(*ssa.Call); ok {
			// now.Location(): the zone that now has.
			if t := program.Target(call); t != nil && t.Name() == "Location" && t.Pkg() != nil && t.Pkg().Path() == "time" {
				one = e.ZoneOf(call.Call.Args[0])
			}
		}
		if out != ZoneUnknown && out != one {
			return ZoneChosen
		}
		out = one
	}
	return out
}

// ZoneOf returns the zone of a time: local when one of its origins is.
func (e *Effects) ZoneOf(v ssa.Value) Zone {
	out := ZoneUnknown
	for _, m := range e.Moments(v) {
		if m.Zone == ZoneLocal {
			return ZoneLocal
		}
		out = m.Zone
	}
	return out
}

func atLeastSecond(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	if !ok || c.Value == nil {
		return false
	}
	n, exact := constant.Int64Val(c.Value)
	return exact && n >= int64(time.Second)
}
