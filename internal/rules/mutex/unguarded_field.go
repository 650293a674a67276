// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// UnguardedField reports memory that several goroutines use, one of them without the lock that the others take.
var UnguardedField = &rule.Rule{
	ID:        "mutex/unguarded-field",
	Title:     "shared memory is used without its lock",
	Checklist: []string{"4.1"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "unguarded_field.md"),
	Check:     unguardedField,
}

// cause is what one finding tells: the accesses of one function that lack one lock.
type cause struct {
	fn    *ssa.Function
	guard memory.Place
	// place is set where there is no guard: the struct or the variable that has none. What the first caller of a function makes
	// lacks one lock, whatever it is.
	place memory.Place
}

func unguardedField(p *rule.Pass) {
	groups := make(map[cause][]*memory.Unguarded)
	var order []cause
	complete := application(p)
	for _, u := range p.Effects.Memory().Unguarded() {
		fn := u.Access.Func()
		if !p.Watched(fn) || !p.Watched(u.Other.Func()) {
			continue
		}
		if !u.Meeting.Sure() && (!u.Evident || complete && !forLibrary(p, fn)) && !p.Strict {
			continue // who calls it is out of sight: in a program, most often nobody but tests
		}
		if !p.Strict && (uncalled(p, u.Meeting.A, complete) || uncalled(p, u.Meeting.B, complete)) {
			continue // one of them begins in a function that nobody calls, but tests perhaps
		}
		if underRead(u) {
			continue // the read lock is held: told by write-under-rlock
		}
		if !p.Strict && !u.Guard.Known() && p.Effects.Memory().Harmless(u.Access.Place) {
			continue
		}
		if !p.Strict && farApart(u) {
			continue // most often they have it one after the other
		}
		key := cause{fn: fn, guard: u.Guard}
		if !u.Guard.Known() && !p.Effects.Memory().Initialises(u.Access) {
			key.place = holder(u.Access.Place)
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], u)
	}
	for _, key := range order {
		tellUnguarded(p, groups[key])
	}
}

// application tells whether the reviewed code is a program that runs controllers, and not a library for such.
func application(p *rule.Pass) bool {
	has := func(kind program.EntryKind) bool {
		return slices.ContainsFunc(p.Program.Entries, func(e *program.Entry) bool {
			return e.Kind == kind && !p.Program.InTest(e.Func) && !p.Program.TestSupport(e.Func) && !p.Program.Aside(e.Func.Pos())
		})
	}
	return has(program.EntryMain) && (has(program.EntryReconcile) || has(program.EntryInformer) || has(program.EntryElected)) || slices.ContainsFunc(p.Program.Managers, func(m *program.Manager) bool {
		return !p.Program.TestSupport(m.Site.Parent())
	})
}

// uncalled tells whether a goroutine begins in a function that nobody calls, as far as all who can call it are seen, or is
// started by such functions alone.
func uncalled(p *rule.Pass, r *program.Root, complete bool) bool {
	return uncalledAt(p, r, complete, make(map[*program.Root]bool))
}

func uncalledAt(p *rule.Pass, r *program.Root, complete bool, seen map[*program.Root]bool) bool {
	if !r.Known() {
		return r.Func.Parent() == nil && (complete || closed(r.Func) || p.Program.Linked(r.Func)) && len(p.Program.Callers(r.Func)) == 0
	}
	if len(r.Sites) == 0 || r.Entry != nil || seen[r] || !p.Program.WellTyped() {
		return false
	}
	seen[r] = true
	return !slices.ContainsFunc(r.Sites, func(site ssa.CallInstruction) bool {
		c := p.Program.Concurrency()
		return c.First(site.Parent()) == nil || c.Some(site.Parent(), func(by *program.Root) bool { return !uncalledAt(p, by, complete, seen) })
	})
}

// closed tells whether only the reviewed module can call a function: it stands in a command, or below a directory named
// internal (cmd/go, "Internal Directories").
func closed(fn *ssa.Function) bool {
	return fn.Pkg != nil && (fn.Pkg.Pkg.Name() == "main" || slices.Contains(strings.Split(fn.Pkg.Pkg.Path(), "/"), "internal"))
}

// farApart tells whether the code says little about whether two goroutines have an object at the same time: nobody has a lock for
// the field, which no method of the struct uses here, and they are started at different places, one of them by code that is not the
// object's own. When Go finds two in a map at once it ends the process: that is told.
func farApart(u *memory.Unguarded) bool {
	a, b, of := u.Meeting.A, u.Meeting.B, u.Access.Place.Type
	switch {
	case u.Guard.Known(), of == nil, u.Access.Map(), u.Other.Map(), a == b, !plainGoroutine(a), !plainGoroutine(b):
		return false
	case methodOf(u.Access.Func(), of), methodOf(u.Other.Func(), of), startedFor(a, of) && startedFor(b, of):
		return false
	}
	return !slices.ContainsFunc(a.Sites, func(x ssa.CallInstruction) bool {
		return slices.ContainsFunc(b.Sites, func(y ssa.CallInstruction) bool { return x.Parent() == y.Parent() })
	})
}

// startedFor tells whether a goroutine is a method of a type, or is started by one.
func startedFor(r *program.Root, t *types.Named) bool {
	return methodOf(r.Func, t) || slices.ContainsFunc(r.Sites, func(site ssa.CallInstruction) bool { return methodOf(site.Parent(), t) })
}

// methodOf tells whether a function is a method of a type, or written in one.
func methodOf(fn *ssa.Function, t *types.Named) bool {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	recv := fn.Signature.Recv()
	return recv != nil && program.Named(recv.Type()) == t
}

// plainGoroutine tells whether a goroutine is one that own code starts.
func plainGoroutine(r *program.Root) bool { return r.Entry == nil && !r.ByContract() }

// holder is the struct that has a field, or the variable itself: fields of one struct lack one lock.
func holder(place memory.Place) memory.Place {
	if place.Type != nil {
		return memory.Place{Type: place.Type}
	}
	return place
}

// underRead tells whether the guard is held for reading only.
func underRead(u *memory.Unguarded) bool {
	_, held := u.Access.Holds(u.Guard)
	return held && u.Guard.Known()
}

func tellUnguarded(p *rule.Pass, all []*memory.Unguarded) {
	u := worst(all)
	a := u.Access
	severity, reason := severityOf(all, u)
	where, proof := domain(p, a.At)
	p.Report(rule.Report{
		Func: a.Func(), Pos: siteOf(a.At), About: about(u),
		Severity: severity, Reason: reason,
		Message: unguardedMessage(u),
		Domain:  where, Proof: proof,
		Related:  append(unguardedRelated(all, u), otherWrites(p, all, u)...),
		Scenario: raceScenario(u),
		Fix:      guardFix(p, u),
	})
}

// worst picks what to tell first: a sure meeting, a map, a write.
func worst(all []*memory.Unguarded) *memory.Unguarded {
	rank := func(u *memory.Unguarded) int {
		n := 0
		if u.Meeting.Sure() {
			n += 4
		}
		if u.Access.Map() {
			n += 2
		}
		if u.Access.Write {
			n++
		}
		return n
	}
	best := all[0]
	for _, u := range all[1:] {
		if rank(u) > rank(best) {
			best = u
		}
	}
	return best
}

func severityOf(all []*memory.Unguarded, u *memory.Unguarded) (finding.Severity, string) {
	switch {
	case !u.Meeting.Sure():
		return finding.Medium, "who calls it is out of sight, so that the goroutines are not shown to meet"
	case counts(u.Access.At):
		return finding.Medium, "only a length is read, which may be an old one"
	case u.Access.Map():
		return finding.Critical, "Go ends the process when a map is written and used at the same time"
	case !u.Access.Write && oneWord(u.Access.Type):
		return finding.Medium, "a data race; in practice what is read is one word, and may be old"
	case replaces(u.Access) && (!u.Other.Write || replaces(u.Other)):
		return finding.Medium, "a data race; in practice what is written is one word, which is new either way"
	}
	return finding.High, "a data race: what is read may be half written, old or lost"
}

// replaces tells whether an access puts a new bool, number, pointer, map or function in the place of the old one: it does not come
// from the old value, and is never half written.
func replaces(a *memory.Access) bool {
	if !a.Write || a.Map() {
		return false
	}
	switch u := a.Type.Underlying().(type) {
	case *types.Basic:
		return u.Info()&types.IsBoolean != 0 || oneWord(a.Type) && !computed(a.At)
	case *types.Pointer, *types.Map, *types.Chan, *types.Signature:
		return true
	}
	return false
}

// computed tells whether an instruction stores the result of an operation, which may count on from the old value.
func computed(at ssa.Instruction) bool {
	store, ok := at.(*ssa.Store)
	if !ok {
		return true
	}
	v := store.Val
	if conv, ok := v.(*ssa.Convert); ok {
		v = conv.X
	}
	switch v.(type) {
	case *ssa.BinOp, *ssa.Phi:
		return true
	}
	return false
}

// counts tells whether an access is a call of len: the runtime does not watch it.
func counts(at ssa.Instruction) bool {
	call, ok := at.(*ssa.Call)
	if !ok {
		return false
	}
	b, ok := call.Call.Value.(*ssa.Builtin)
	return ok && b.Name() == "len"
}

// oneWord tells whether values of a type are stored at once: all but strings, slices, interfaces and structs.
func oneWord(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Info()&(types.IsString|types.IsComplex) == 0
	case *types.Pointer, *types.Map, *types.Chan, *types.Signature:
		return true
	}
	return false
}

func about(u *memory.Unguarded) string {
	if u.Guard.Known() {
		return u.Guard.String()
	}
	return u.Access.Place.String()
}

func unguardedMessage(u *memory.Unguarded) string {
	act := map[bool]string{true: "written", false: "read"}
	name := u.Access.Place.String()
	if !u.Guard.Known() {
		with := fmt.Sprintf("%s by %s", act[u.Other.Write], u.Meeting.B)
		if u.Meeting.A == u.Meeting.B {
			with = "two of them run at once"
			return fmt.Sprintf("%s is %s without a lock by %s, and %s; the accesses race", name, act[u.Access.Write], u.Meeting.A, with)
		}
		return fmt.Sprintf("%s is %s without a lock by %s and %s; the accesses race", name, act[u.Access.Write], u.Meeting.A, with)
	}
	return fmt.Sprintf("%s is %s without %s, under which %s %s it; the accesses race",
		name, act[u.Access.Write], u.Guard, program.Name(u.Other.Func()), map[bool]string{true: "writes", false: "reads"}[u.Other.Write])
}

func unguardedRelated(all []*memory.Unguarded, u *memory.Unguarded) []rule.Related {
	verb := map[bool]string{true: "is written", false: "is read"}
	other := fmt.Sprintf("%s %s here", u.Other.Place, verb[u.Other.Write])
	if u.Guard.Known() {
		other += " with " + u.Guard.String() + " held"
	}
	out := []rule.Related{{Func: u.Other.Func(), Pos: siteOf(u.Other.At), Message: other}}
	if global := u.Access.Place.Global; global != nil && !u.Guard.Known() && !u.Access.Place.Foreign {
		out = append(out, rule.Related{Pos: global.Pos(), Message: global.Name() + " is declared here, one for the whole process"})
	}
	if inner := u.Access.Inner; inner != nil {
		out = append(out, rule.Related{Func: inner.Parent(), Pos: siteOf(inner), Message: fmt.Sprintf("an entry of the map %s here", verb[u.Access.Write])})
	}
	for _, more := range all {
		if more != u {
			out = append(out, rule.Related{Func: more.Access.Func(), Pos: siteOf(more.Access.At),
				Message: fmt.Sprintf("%s %s here without it too", more.Access.Place, verb[more.Access.Write])})
		}
	}
	return out
}

// maxOtherWrites bounds the writes that are listed beside the two accesses that race.
const maxOtherWrites = 5

// otherWrites lists further functions that write the same memory where nobody has a lock for it: who makes one has to take it
// there as well.
func otherWrites(p *rule.Pass, all []*memory.Unguarded, u *memory.Unguarded) []rule.Related {
	if u.Guard.Known() {
		return nil
	}
	seen := map[*ssa.Function]bool{u.Other.Func(): true}
	for _, told := range all {
		seen[told.Access.Func()] = true
	}
	var out []rule.Related
	for _, a := range p.Effects.Memory().Accesses(u.Access.Place) {
		if !a.Write || len(a.Held) > 0 || seen[a.Func()] || !p.Watched(a.Func()) || len(out) == maxOtherWrites {
			continue
		}
		seen[a.Func()] = true
		out = append(out, rule.Related{Func: a.Func(), Pos: siteOf(a.At), Message: fmt.Sprintf("%s is written here without a lock too", a.Place)})
	}
	return out
}

func raceScenario(u *memory.Unguarded) *rule.Scenario {
	s := rule.NewScenario()
	nameA, nameB := u.Meeting.A.String(), u.Meeting.B.String()
	if u.Meeting.A == u.Meeting.B {
		nameA, nameB = nameA+" (1)", nameB+" (2)"
	}
	first := s.Actor(nameA, runs(u.Meeting.A, u.Access))
	second := s.Actor(nameB, runs(u.Meeting.B, u.Other))
	word := map[bool]string{true: "writes ", false: "reads "}
	held := ""
	if u.Guard.Known() {
		held = u.Guard.String() + " is held, which the other does not ask for"
	}
	second.Step(siteOf(u.Other.At), "begins: "+word[u.Other.Write]+u.Other.Place.String(), held)
	first.Step(siteOf(u.Access.At), word[u.Access.Write]+u.Access.Place.String(), "at the same time")
	switch {
	case !counts(u.Access.At) && (u.Access.Map() || u.Other.Map()):
		s.Outcome("fatal error: concurrent map access; the process ends")
	case u.Access.Write && u.Other.Write:
		s.Outcome("one of the two writes of %s is lost, or the value is half of each", u.Access.Place)
	default:
		s.Outcome("the reader works with an old or half written %s", u.Access.Place)
	}
	return s
}

func runs(root *program.Root, a *memory.Access) string {
	text := "runs " + program.Name(a.Func())
	if root.Parallel {
		text += "; " + root.Because
	}
	return text
}

func guardFix(p *rule.Pass, u *memory.Unguarded) rule.Fix {
	if !u.Guard.Known() {
		return rule.Fix{
			Description: fmt.Sprintf("guard %s with a mutex that every access takes, or give it to one goroutine", u.Access.Place),
			Sketch:      newLock(p, u.Access),
		}
	}
	lock, unlock := "Lock", "Unlock"
	if !u.Access.Write && readable(u) {
		lock, unlock = "RLock", "RUnlock"
	}
	return rule.Fix{
		Description: fmt.Sprintf("hold %s around the access in %s", u.Guard, program.Name(u.Access.Func())),
		Sketch:      guarded(p, u.Access, guardSpelled(p, u), lock, unlock),
	}
}

// readable tells whether the guard has a read lock: somebody holds it for reading.
func readable(u *memory.Unguarded) bool {
	mode, _ := u.Other.Holds(u.Guard)
	return mode == memory.Read
}

// guardExpr names the guard as the function with the access would.
func guardExpr(u *memory.Unguarded) string {
	owner := u.Holder()
	if u.Guard.Type == nil || owner == "" {
		return lockName(memory.Lock{Place: u.Guard})
	}
	return strings.TrimSuffix(strings.TrimSuffix(owner+u.Guard.Path, ".Mutex"), ".RWMutex")
}

// guardSpelled is the guard as the statement with the access would spell it.
func guardSpelled(p *rule.Pass, u *memory.Unguarded) string {
	if u.Guard.Type == nil || u.Guard.Type != u.Access.Place.Type {
		return guardExpr(u)
	}
	field := lastName(u.Access.Place.String())
	holder, ok := strings.CutSuffix(p.WordsAt(u.Access.Func(), siteOf(u.Access.At)).Selected(field), "."+field)
	if !ok {
		return guardExpr(u)
	}
	return strings.TrimSuffix(strings.TrimSuffix(holder+u.Guard.Path, ".Mutex"), ".RWMutex")
}
