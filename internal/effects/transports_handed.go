// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// HandedTransport is an HTTP transport that a function makes for the client that it returns, and that is dropped with the
// client and its idle connections by all who ask for one.
type HandedTransport struct {
	Made *ssa.Alloc
	// Users are the functions in which the client ends, in the order they are found.
	Users []*ssa.Function
}

// HandedTransports returns the transports that fn makes and hands out, and nobody keeps; those that fn uses itself are
// [LostTransports].
func (e *Effects) HandedTransports(fn *ssa.Function) []HandedTransport {
	var out []HandedTransport
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			made, ok := instr.(*ssa.Alloc)
			if !ok || !made.Heap || !program.IsNamed(made.Type(), "net/http", "Transport") || boundsIdle(made) {
				continue
			}
			d := &drift{e: e, seen: make(map[ssa.Value]bool)}
			d.add(made)
			if d.run(); !d.kept && d.used && len(d.users) > 0 {
				out = append(out, HandedTransport{made, d.users})
			}
		}
	}
	return out
}

// drift follows a value forward: into what it is stored in, to those who call the function that returns it, through
// libraries that make something with it.
type drift struct {
	e     *Effects
	seen  map[ssa.Value]bool
	queue []ssa.Value
	users []*ssa.Function
	// kept is set when somebody may keep the value, or closes it; used when somebody calls a method of it.
	kept, used bool
}

// maxDrift bounds the values that are looked at: what goes further is kept by somebody.
const maxDrift = 200

func (d *drift) add(v ssa.Value) {
	if v != nil && !d.seen[v] {
		d.seen[v] = true
		d.queue = append(d.queue, v)
	}
}

func (d *drift) run() {
	for i := 0; i < len(d.queue) && !d.kept; i++ {
		for _, ref := range refs(d.queue[i]) {
			d.step(d.queue[i], ref)
		}
		d.kept = d.kept || len(d.queue) > maxDrift
	}
}

// step looks at one use of a value.
func (d *drift) step(v ssa.Value, ref ssa.Instruction) {
	switch x := ref.(type) {
	case *ssa.Store:
		if x.Val == v {
			d.into(x.Addr)
		}
	case *ssa.MakeInterface, *ssa.ChangeInterface, *ssa.ChangeType, *ssa.Phi, *ssa.TypeAssert, *ssa.Extract, *ssa.UnOp:
		if u, ok := ref.(ssa.Value); ok && !isErrorType(u.Type()) {
			d.add(u)
		}
	case *ssa.Return:
		d.returned(x, v)
	case *ssa.Call:
		d.called(x, v)
	case *ssa.FieldAddr:
		d.part(x)
	case *ssa.Field, *ssa.BinOp, *ssa.If, *ssa.DebugRef:
		// a part of a copy, or a question about it
	default:
		d.kept = true // a map, a channel, a closure, a goroutine: it may be kept
	}
}

// part goes on with a client or a transport that is read out of a value.
func (d *drift) part(field ssa.Value) {
	for _, ref := range refs(field) {
		load, ok := ref.(*ssa.UnOp)
		if ok && slices.ContainsFunc([]string{"Client", "Transport", "RoundTripper"}, func(name string) bool {
			return program.IsNamed(load.Type(), "net/http", name)
		}) {
			d.add(load)
		}
	}
}

// into follows a value to the object that it is stored in.
func (d *drift) into(addr ssa.Value) {
	for {
		field, ok := addr.(*ssa.FieldAddr)
		if !ok {
			break
		}
		addr = field.X
	}
	d.object(addr)
}

// object goes on with an object that has the value inside: made here, or given by those who call.
func (d *drift) object(v ssa.Value) {
	switch x := v.(type) {
	case *ssa.Alloc:
		d.add(x)
	case *ssa.Call, *ssa.Extract:
		d.add(v)
	case *ssa.Parameter:
		d.add(x)
		for _, edge := range d.e.Program.Callers(x.Parent()) {
			if arg := program.ArgumentFor(edge, parameterOf(x.Parent(), x)); arg != nil && !d.seen[arg] {
				d.object(arg)
			}
		}
		d.kept = d.kept || len(d.e.Program.Callers(x.Parent())) == 0
	default:
		d.kept = true
	}
}

// returned goes on with those who call.
func (d *drift) returned(ret *ssa.Return, v ssa.Value) {
	index := slices.Index(ret.Results, v)
	for _, edge := range d.e.Program.Callers(ret.Parent()) {
		if d.e.Program.InTest(edge.Caller()) {
			continue
		}
		result := tupleElement(edge.Site, index)
		if edge.How != program.Calls || edge.Arg >= 0 {
			d.kept = true
			return
		}
		if result != nil {
			d.add(result)
		}
		if !slices.Contains(d.users, edge.Caller()) {
			d.users = append(d.users, edge.Caller())
		}
	}
}

// called looks at a call that is given the value, or is made on it.
func (d *drift) called(call *ssa.Call, v ssa.Value) {
	target := program.Target(call)
	if target == nil || strings.HasPrefix(target.Name(), "Close") {
		d.kept = true // out of sight, or closed
		return
	}
	if program.Receiver(call) == v {
		d.used = true
		return
	}
	callees := d.e.Program.Callees(call)
	for _, edge := range callees {
		for i, param := range edge.Callee.Params {
			if program.ArgumentFor(edge, i) == v {
				d.add(param)
			}
		}
	}
	if len(callees) > 0 {
		return
	}
	if recv := program.Receiver(call); recv != nil {
		d.object(recv)
	}
	for i := range max(1, target.Signature().Results().Len()) {
		if part := tupleElement(call, i); part != nil && !isErrorType(part.Type()) {
			d.add(part)
		}
	}
}
