// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ZoneUse is a decision that comes out differently in another zone.
type ZoneUse struct {
	At *ssa.Call
	// What says what is decided: "schedule", or the part of the day such as "Hour".
	What string
	// Time is the time whose zone decides, Local the origin that is in the zone of the process.
	Time  ssa.Value
	Local Moment
	// Since is set when the time may be one that was stored: what happens next after the last time is asked.
	Since bool
}

// ZoneUses returns the schedules and the times of day that own code computes in the zone of the process.
func (e *Effects) ZoneUses() []ZoneUse {
	var out []ZoneUse
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			if !ok {
				continue
			}
			what, t := e.zoneDecision(call)
			if t == nil {
				continue
			}
			moments := e.Moments(t)
			local := slices.IndexFunc(moments, func(m Moment) bool { return m.Zone == ZoneLocal })
			if local < 0 || slices.ContainsFunc(moments, func(m Moment) bool { return m.Placed && m.Zone == ZoneChosen }) {
				continue // the zone of the process stands in for one that the user may name
			}
			since := slices.ContainsFunc(moments, func(m Moment) bool { return m.Stored != "" })
			out = append(out, ZoneUse{At: call, What: what, Time: t, Local: moments[local], Since: since})
		}
	}
	return out
}

// zoneDecision returns what a call reads from the zone of a time; nil when it does not, or nothing is decided by it.
func (e *Effects) zoneDecision(call *ssa.Call) (what string, t ssa.Value) {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil {
		return "", nil
	}
	recv := program.Receiver(call)
	switch {
	case recv == nil:
	case target.Name() == "Next" && strings.Contains(target.Pkg().Path(), "cron") && len(e.Program.Static(call)) == 0:
		arg := call.Call.Args[len(call.Call.Args)-1]
		if isMoment(arg.Type()) && !e.zonedSchedule(recv) && !onlyWhether(call) {
			return "schedule", arg
		}
	case target.Pkg().Path() == "time" && isMoment(recv.Type()):
		switch target.Name() {
		case "Hour", "Weekday", "Day", "YearDay", "Month", "Clock", "Date", "ISOWeek":
			if partDecides(call, 0) {
				return target.Name(), recv
			}
		}
	}
	return "", nil
}

// onlyWhether tells whether nothing is asked of a time but whether there is one.
func onlyWhether(call *ssa.Call) bool {
	if call.Referrers() == nil || len(*call.Referrers()) == 0 {
		return false
	}
	for _, ref := range *call.Referrers() {
		use, ok := ref.(*ssa.Call)
		if !ok || program.Target(use) == nil || program.Target(use).Name() != "IsZero" {
			return false
		}
	}
	return true
}

// zonedSchedule tells whether the text that a schedule was parsed from names its zone, or its parser is told one.
func (e *Effects) zonedSchedule(schedule ssa.Value) bool {
	for _, src := range e.Program.Sources(schedule).Values {
		call, ok := src.(*ssa.Call)
		if ex, isExtract := src.(*ssa.Extract); isExtract {
			call, ok = ex.Tuple.(*ssa.Call)
		}
		if !ok {
			continue
		}
		for _, s := range e.DepsOf(call.Parent(), call).Strings {
			if strings.Contains(s, "TZ=") {
				return true
			}
		}
		for _, arg := range call.Call.Args {
			if program.IsNamed(arg.Type(), "time", "Location") {
				return true
			}
		}
	}
	return false
}

// namesLocal tells whether a date is put together in the zone of some time, or in time.Local by name: that zone is meant.
func namesLocal(date *ssa.Call) bool {
	zone := date.Call.Args[len(date.Call.Args)-1]
	if isGlobal(zone, "time", "Local") {
		return true
	}
	call, ok := zone.(*ssa.Call)
	return ok && program.Target(call) != nil && program.Target(call).Name() == "Location"
}

// partDecides tells whether a part of a time is compared with something, or makes another time.
func partDecides(v ssa.Value, depth int) bool {
	if v.Referrers() == nil || depth > 4 {
		return false
	}
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.BinOp:
			switch x.Op {
			case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
				return true
			}
			if partDecides(x, depth+1) {
				return true
			}
		case *ssa.Extract:
			if partDecides(x, depth+1) {
				return true
			}
		case *ssa.Convert:
			if partDecides(x, depth+1) {
				return true
			}
		case *ssa.Lookup:
			return true
		case *ssa.Call:
			if t := program.Target(x); t != nil && t.Name() == "Date" && t.Pkg() != nil && t.Pkg().Path() == "time" && !namesLocal(x) {
				return true
			}
		}
	}
	return false
}
