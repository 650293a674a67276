// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ProcessWide is a call that sets something of which a process has one, such as its working directory, in a goroutine that
// can meet another one of its kind, and under no lock.
type ProcessWide struct {
	Site ssa.CallInstruction
	// What is set, for a sentence: the working directory.
	What string
	// Root is the goroutine of which several can run the call at once.
	Root *program.Root
}

// ProcessWides lists them, one a function and kind, in source order. What is set to the same value by all is left out.
func (m *Memory) ProcessWides() []ProcessWide {
	var out []ProcessWide
	for _, fn := range m.Program.Funcs {
		told := make(map[string]bool)
		for site := range program.Sites(fn) {
			what, value := setsForAll(site)
			if what == "" || told[what] || m.excluded(site) || sameForAll(value, 0, what == directory) {
				continue
			}
			for meeting := range m.Program.Concurrency().Meetings(site, site) {
				if meeting.Sure() && meeting.A == meeting.B {
					told[what] = true
					out = append(out, ProcessWide{site, what, meeting.A})
					break
				}
			}
		}
	}
	return out
}

const directory = "the working directory"

// setsForAll names what a call sets for the whole process, and the value that it is set to.
func setsForAll(site ssa.CallInstruction) (what string, value ssa.Value) {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || target.Signature().Recv() != nil {
		return "", nil
	}
	switch target.Pkg().Path() + "." + target.Name() {
	case "os.Chdir", "syscall.Chdir", "golang.org/x/sys/unix.Chdir":
		return directory, program.Argument(site, 0)
	case "os.Setenv":
		return "the environment", program.Argument(site, 1)
	case "syscall.Umask", "golang.org/x/sys/unix.Umask":
		return "the umask", program.Argument(site, 0)
	}
	return "", nil
}

// sameForAll tells whether a value is the same whoever computes it: a constant, a variable of the package, a field of the
// receiver, which has been configured, and what is put together from these. Who enters a directory of the receiver means to
// be in another one than others are: there only what is constant is the same.
func sameForAll(v ssa.Value, depth int, constant bool) bool {
	if depth > 6 {
		return false
	}
	same := func(v ssa.Value) bool { return sameForAll(v, depth+1, constant) }
	switch x := v.(type) {
	case *ssa.Const, *ssa.Global:
		return true
	case *ssa.UnOp:
		return same(x.X)
	case *ssa.FieldAddr:
		return same(x.X)
	case *ssa.Parameter:
		return !constant && x.Parent().Signature.Recv() != nil && x == x.Parent().Params[0]
	case *ssa.BinOp:
		return same(x.X) && same(x.Y)
	case *ssa.Phi:
		return !slices.ContainsFunc(x.Edges, func(e ssa.Value) bool { return !same(e) })
	case *ssa.MakeInterface:
		return same(x.X)
	case *ssa.Slice:
		return storesSame(x.X, same)
	case *ssa.Call:
		return composes(x) && !slices.ContainsFunc(x.Call.Args, func(arg ssa.Value) bool { return !same(arg) })
	}
	return false
}

// storesSame tells whether all that a variadic call is given passes a test.
func storesSame(array ssa.Value, same func(ssa.Value) bool) bool {
	made, ok := array.(*ssa.Alloc)
	if !ok {
		return false
	}
	for _, ref := range *made.Referrers() {
		element, ok := ref.(*ssa.IndexAddr)
		if !ok {
			continue
		}
		for _, use := range *element.Referrers() {
			if store, ok := use.(*ssa.Store); ok && !same(store.Val) {
				return false
			}
		}
	}
	return true
}

// composes tells whether a call only puts together what it is given, or asks the process for what all get alike.
func composes(call *ssa.Call) bool {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil {
		return false
	}
	switch target.Pkg().Path() {
	case "path", "path/filepath", "strings", "fmt", "strconv":
		return true
	case "os":
		return target.Name() == "TempDir" || target.Name() == "Getenv"
	}
	return false
}

// excluded tells whether a lock keeps others out while a call runs.
func (m *Memory) excluded(at ssa.Instruction) bool {
	return slices.ContainsFunc(m.Locks.Held(at), func(h Holding) bool { return h.Mode == Write })
}
