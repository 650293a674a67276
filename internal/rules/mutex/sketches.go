// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// spelled is a lock as the code spells it where it is taken.
func spelled(p *rule.Pass, h memory.Holding) string { return spelledAt(p, h.Site, lockName(h.Lock)) }

// spelledAt is a lock as the code spells it where an instruction takes or frees it, else by its name.
func spelledAt(p *rule.Pass, at ssa.Instruction, name string) string {
	if at == nil {
		return name
	}
	sel := lockCall(p, at)
	if sel == nil || !strings.HasSuffix(sel.Sel.Name, "ock") {
		return name // a helper takes it
	}
	return types.ExprString(sel.X)
}

// guarded puts the statement of an access under a lock. Of the head of another statement, what it reads is read before.
func guarded(p *rule.Pass, a *memory.Access, lock, take, free string) string {
	w := p.WordsAt(a.Func(), siteOf(a.At))
	line, field := w.Statement(), lastName(a.Place.String())
	switch {
	case strings.HasPrefix(line, "return"):
		return fmt.Sprintf("%[1]s.%[2]s()\ndefer %[1]s.%[3]s()\n%[4]s", lock, take, free, line)
	case line == "" && !a.Write && w.Selected(field) != field:
		line = fmt.Sprintf("%s := %s // in its place below", field, w.Selected(field))
	case line == "":
		line = "// what touches " + a.Place.String()
	}
	return fmt.Sprintf("%[1]s.%[2]s()\n%[4]s\n%[1]s.%[3]s()", lock, take, free, line)
}

// lastName is the last name of a place: openshift, of ClusterPolicyController.openshift.
func lastName(place string) string {
	place = strings.TrimSuffix(strings.TrimRight(place, "[]"), ".")
	return place[strings.LastIndexByte(place, '.')+1:]
}

// newLock guards memory that has no lock by a new one, which stands beside it.
func newLock(p *rule.Pass, a *memory.Access) string {
	w, field := p.WordsAt(a.Func(), siteOf(a.At)), lastName(a.Place.String())
	if a.Place.Type == nil {
		lock := field + "Mu"
		return fmt.Sprintf("var %[1]s %[2]s.Mutex // beside %[3]s\n\n", lock, w.Import("sync", "sync"), field) +
			guarded(p, a, lock, "Lock", "Unlock")
	}
	lock := "mu"
	if obj, _, _ := types.LookupFieldOrMethod(a.Place.Type, true, a.Place.Type.Obj().Pkg(), lock); obj != nil {
		lock = field + "Mu"
	}
	holder := strings.TrimSuffix(w.Selected(field), field)
	return fmt.Sprintf("// in the type %[3]s: %[1]s %[2]s.Mutex, which guards %[4]s\n", lock, w.Import("sync", "sync"), a.Place.Type.Obj().Name(), field) +
		guarded(p, a, holder+lock, "Lock", "Unlock")
}
