// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// setsPath is the package of sets that are maps: their methods change the map in place.
const setsPath = "k8s.io/apimachinery/pkg/util/sets"

// containerChanges are the functions of libraries that change the map or slice they are given first, by package and name.
// What they are given else, and what other functions of these packages are given, they read.
var containerChanges = map[string][]string{
	setsPath: {"Insert", "Delete", "PopAny", "Clear"},
	"maps":   {"Copy", "DeleteFunc", "Insert"},
	"slices": {"Sort", "SortFunc", "SortStableFunc", "Reverse"},
	"sort":   {"Slice", "SliceStable", "Strings", "Ints"},
	// The forerunner of maps and slices.
	"golang.org/x/exp/maps":   {"Copy", "DeleteFunc", "Clear"},
	"golang.org/x/exp/slices": {"Sort", "SortFunc", "SortStableFunc"},
}

// objectChanges are the methods of library types that change the object and take no lock, by package, type and name; the
// documentation of each says that goroutines must not use it together.
var objectChanges = map[[2]string][]string{
	{"math/rand", "Rand"}: {"ExpFloat64", "Float32", "Float64", "Int", "Int31", "Int31n", "Int63", "Int63n", "Intn",
		"NormFloat64", "Perm", "Read", "Seed", "Shuffle", "Uint32", "Uint64"},
	{"container/list", "List"}: {"Init", "InsertAfter", "InsertBefore", "MoveAfter", "MoveBefore", "MoveToBack",
		"MoveToFront", "PushBack", "PushFront", "Remove"},
	{"crypto/x509", "CertPool"}: {"AddCert", "AppendCertsFromPEM"},
	{"bytes", "Buffer"}:         {"Read", "ReadFrom", "Reset", "Truncate", "Write", "WriteByte", "WriteRune", "WriteString", "WriteTo"},
	{"strings", "Builder"}:      {"Grow", "Reset", "Write", "WriteByte", "WriteRune", "WriteString"},
	{"bufio", "Writer"}:         {"Flush", "ReadFrom", "Reset", "Write", "WriteByte", "WriteRune", "WriteString"},
	// Whoever answers a request has the writer for himself; one that several goroutines write to ends the process.
	{"net/http", "ResponseWriter"}:           {"Write", "WriteHeader"},
	{"net/http", "Flusher"}:                  {"Flush"},
	{"github.com/gorilla/websocket", "Conn"}: {"NextWriter", "WriteJSON", "WriteMessage", "WritePreparedMessage"},
}

// libraryAccess knows the functions of libraries that use what a variable of own code holds: a map, a slice or an object.
func (m *Memory) libraryAccess(call *ssa.Call, target *types.Func) []*Access {
	args := call.Call.Args
	if call.Call.IsInvoke() {
		args = append([]ssa.Value{call.Call.Value}, args...)
	}
	if len(args) == 0 {
		return nil
	}
	path, name := target.Pkg().Path(), target.Name()
	if changes, ok := containerChanges[path]; ok {
		out := m.entries(unboxed(args[0]), call, slices.Contains(changes, name))
		for _, arg := range args[1:] {
			out = append(out, m.entries(unboxed(arg), call, false)...)
		}
		return out
	}
	recv := target.Signature().Recv()
	if recv == nil {
		return nil
	}
	owner := program.Named(recv.Type())
	if owner == nil {
		return nil
	}
	if slices.Contains(objectChanges[[2]string{path, owner.Obj().Name()}], name) {
		return m.object(args[0], call)
	}
	return nil
}

// filledObject returns the object that a request to the API server, or to its cache, decodes the answer into; nil if the call
// is none.
func (m *Memory) filledObject(call *ssa.Call) ssa.Value {
	row := program.Model(call)
	if row == nil || row.WritesInto < 0 || row.Effect != kube.ReadByProvenance && row.Effect != kube.List {
		return nil
	}
	return unboxed(program.Argument(call, row.WritesInto))
}

// object is the change of an object that a variable is or points to: the variable that it was loaded from, or the package
// variable that own code keeps it in, whoever handed it on.
func (m *Memory) object(v ssa.Value, call *ssa.Call) []*Access {
	if tried, ok := v.(*ssa.Extract); ok {
		v = tried.Tuple
	}
	if assert, ok := v.(*ssa.TypeAssert); ok {
		v = assert.X // the same object by another of its interfaces
	}
	addr := m.keptIn(v)
	if addr == nil {
		return nil
	}
	place, owner := m.variable(addr)
	elem := elementOf(addr.Type())
	return []*Access{{Place: place, Part: Entries, Write: true, At: call, Owner: owner, Base: base(addr), Type: elem}}
}

func (m *Memory) keptIn(v ssa.Value) ssa.Value {
	switch x := v.(type) {
	case *ssa.FieldAddr:
		if place, _ := m.variable(x); place.Type != nil && m.Program.OwnType(place.Type) {
			return x // the object is a part of the struct
		}
	case *ssa.Alloc, *ssa.FreeVar:
		if place, _ := m.variable(x); place.Local != nil {
			return x // the object is the variable itself
		}
	}
	if load, ok := v.(*ssa.UnOp); ok && load.Op == token.MUL {
		place, _ := m.variable(load.X)
		if place.Type != nil && m.Program.OwnType(place.Type) || place.Global != nil && !place.Foreign {
			return load.X
		}
	}
	for _, src := range m.Program.Sources(v).Values {
		if src.Referrers() == nil {
			continue
		}
		for _, ref := range *src.Referrers() {
			store, ok := ref.(*ssa.Store)
			if !ok || store.Val != src {
				continue
			}
			if global, ok := store.Addr.(*ssa.Global); ok {
				return global
			}
		}
	}
	return nil
}

// foreignField names a field of an object that a package variable of a library holds: the whole process shares it.
func (m *Memory) foreignField(x *ssa.FieldAddr) (Place, bool) {
	ref := m.Locks.place.refOf(x.X)
	global, ok := ref.Root.(*ssa.Global)
	if !ok || ref.Path != "" || global.Pkg == nil || m.Program.OwnPackage(global.Pkg.Pkg) {
		return Place{}, false
	}
	return Place{Global: global, Foreign: true, Path: "." + program.FieldName(x.X.Type(), x.Field)}, true
}

// unboxed returns the container behind conversions and interfaces.
func unboxed(v ssa.Value) ssa.Value {
	switch x := v.(type) {
	case *ssa.MakeInterface:
		return unboxed(x.X)
	case *ssa.ChangeType:
		return unboxed(x.X)
	case *ssa.ChangeInterface:
		return unboxed(x.X)
	}
	return v
}
