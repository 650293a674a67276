// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Freshness says whether a read is cached or live, and where its client was made.
func (e *Effects) Freshness(read *Event) (program.Freshness, string) {
	switch {
	case read.Call == nil:
		return program.FreshnessUnknown, ""
	case read.Call.Effect == kube.ReadCached || read.Call.Provenance == "cached":
		return program.Cached, "a lister or an informer's store"
	case read.Call.Effect == kube.ReadLive || read.Call.Provenance == "live":
		return program.Live, "a live read"
	}
	return e.Program.ClientOf(read.Client, read.Type)
}

// FreshnessFrom answers like Freshness for a read in what site calls, whose client is a field of the receiver or a
// parameter: the values that site hands over decide. A helper that serves cached and live readers is told apart so.
func (e *Effects) FreshnessFrom(read *Event, site ssa.CallInstruction) (program.Freshness, string) {
	fn := read.Func()
	for _, edge := range e.Program.Callees(site) {
		if edge.Callee != fn {
			continue
		}
		switch x := stripped(read.Client).(type) {
		case *ssa.Parameter:
			return e.Program.ClientOf(program.ArgumentFor(edge, paramIndex(fn, x)), read.Type)
		case *ssa.UnOp:
			field, ok := x.X.(*ssa.FieldAddr)
			if !ok {
				continue
			}
			param, ok := field.X.(*ssa.Parameter)
			if !ok {
				continue
			}
			return e.held(program.ArgumentFor(edge, paramIndex(fn, param)), program.FieldName(field.X.Type(), field.Field), read)
		}
	}
	return program.FreshnessUnknown, ""
}

// held answers for the client in a field of a value; all that the field can hold must agree.
func (e *Effects) held(v ssa.Value, field string, read *Event) (program.Freshness, string) {
	clients, _ := e.Program.FieldOf(v, field)
	answer, because := program.FreshnessUnknown, ""
	for i, c := range clients {
		fresh, why := e.Program.ClientOf(c, read.Type)
		if i > 0 && fresh != answer {
			return program.FreshnessUnknown, ""
		}
		answer, because = fresh, why
	}
	return answer, because
}
