// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Mode is how a lock is held.
type Mode int

// The modes of a lock. A semaphore excludes nobody: it takes part in lock orders only.
const (
	Semaphore Mode = iota
	Read
	Write
)

// String names the mode by the method that takes it.
func (m Mode) String() string { return [...]string{"Acquire", "RLock", "Lock"}[m] }

// Lock is a lock as some code names it: its place, the same for all instances, and the instance where that is known.
type Lock struct {
	Place Place
	Ref   Ref
}

// String renders the lock as the code names it, else by its place.
func (l Lock) String() string {
	if s := l.Ref.String(); s != "" {
		return s
	}
	return l.Place.String()
}

type opKind int

const (
	noOp opKind = iota
	opAcquire
	opTry
	opRelease
	opCondWait
)

// lockOp is one operation on a lock.
type lockOp struct {
	kind opKind
	mode Mode
	lock Lock
}

// lockMethods are the operations by name, of sync's types and of those built like them.
var lockMethods = map[string]lockOp{
	"Lock":     {kind: opAcquire, mode: Write},
	"RLock":    {kind: opAcquire, mode: Read},
	"TryLock":  {kind: opTry, mode: Write},
	"TryRLock": {kind: opTry, mode: Read},
	"Unlock":   {kind: opRelease, mode: Write},
	"RUnlock":  {kind: opRelease, mode: Read},
}

// opOf recognises an operation on a lock at a call, a deferred call included.
func (l *Locks) opOf(site ssa.CallInstruction) lockOp {
	if known, ok := l.ops[site]; ok {
		return known
	}
	op := l.recognise(site)
	l.ops[site] = op
	return op
}

func (l *Locks) recognise(site ssa.CallInstruction) lockOp {
	target := program.Target(site)
	if target == nil {
		return l.boundUnlock(site)
	}
	return l.methodOp(target, program.Receiver(site))
}

func (l *Locks) methodOp(target *types.Func, recv ssa.Value) lockOp {
	if target.Pkg() == nil || recv == nil {
		return lockOp{}
	}
	path, name := target.Pkg().Path(), target.Name()
	var op lockOp
	switch owner := receiverTypeName(target); {
	case (path == "sync" || strings.HasSuffix(path, "/go-deadlock")) && (owner == "Mutex" || owner == "RWMutex" || owner == "Locker"):
		op = lockMethods[name]
	case path == "sync" && owner == "Cond" && name == "Wait":
		return lockOp{kind: opCondWait, mode: Write, lock: l.condLock(recv)}
	case path == "golang.org/x/sync/semaphore" && owner == "Weighted" && name == "Acquire":
		op = lockOp{kind: opAcquire, mode: Semaphore}
	case path == "golang.org/x/sync/semaphore" && owner == "Weighted" && name == "Release":
		op = lockOp{kind: opRelease, mode: Semaphore}
	}
	if op.kind == noOp {
		return lockOp{}
	}
	op.lock = l.lockAt(recv)
	return op
}

// lockAt names the lock behind a receiver. The lock of a condition (cond.L) is the one it was made with.
func (l *Locks) lockAt(recv ssa.Value) Lock {
	if load, ok := recv.(*ssa.UnOp); ok && load.Op == token.MUL {
		if field, ok := load.X.(*ssa.FieldAddr); ok && program.IsNamed(field.X.Type(), "sync", "Cond") {
			return l.condLock(field.X)
		}
	}
	return Lock{Place: l.place.placeOf(recv), Ref: l.place.refOf(recv)}
}

// condLock finds the lock that a condition was made with: sync.NewCond(&x.mu), or sync.Cond{L: &x.mu}. The instance is
// the one that has the condition, when lock and condition are fields of one struct.
func (l *Locks) condLock(cond ssa.Value) Lock {
	var made []ssa.Value
	for _, src := range l.program.Sources(cond).Values {
		if call, ok := src.(*ssa.Call); ok {
			if t := program.Target(call); t != nil && t.Name() == "NewCond" && t.Pkg() != nil && t.Pkg().Path() == "sync" {
				made = append(made, call.Call.Args[0])
			}
		}
	}
	if len(made) == 0 {
		made, _ = l.program.FieldOf(cond, "L")
	}
	if len(made) != 1 {
		return Lock{}
	}
	lock := Lock{Place: l.place.placeOf(made[0]), Ref: l.place.refOf(made[0])}
	holder := l.place.refOf(cond).Base()
	if i := strings.LastIndexByte(lock.Ref.Path, '.'); i >= 0 && holder.Root != nil {
		lock.Ref = Ref{holder.Root, holder.Path + lock.Ref.Path[i:]}
	}
	return lock
}

// boundUnlock recognises the call of a function value that is mu.Unlock, as returned by helpers that lock.
func (l *Locks) boundUnlock(site ssa.CallInstruction) lockOp {
	common := site.Common()
	if common.IsInvoke() || len(common.Args) > 0 || common.Signature().Results().Len() > 0 {
		return lockOp{}
	}
	if _, builtin := common.Value.(*ssa.Builtin); builtin {
		return lockOp{}
	}
	var found lockOp
	for _, src := range l.program.Sources(common.Value).Values {
		closure, ok := src.(*ssa.MakeClosure)
		if !ok || len(closure.Bindings) != 1 {
			return lockOp{}
		}
		fn := closure.Fn.(*ssa.Function)
		target, _ := fn.Object().(*types.Func)
		if target == nil || !strings.HasSuffix(fn.Name(), "$bound") {
			return lockOp{}
		}
		op := l.methodOp(target, closure.Bindings[0])
		if op.kind != opRelease || found.kind != noOp && found != op {
			return lockOp{}
		}
		found = op
	}
	return found
}

func receiverTypeName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return ""
	}
	if named := program.Named(recv.Type()); named != nil {
		return named.Obj().Name()
	}
	return ""
}
