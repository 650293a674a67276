// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/types"
	"strings"
	"time"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// SwappedPoll is a call that gets its timeout where the interval belongs, and the interval where the timeout belongs.
type SwappedPoll struct {
	Call *ssa.Call
	// Callee is what is called, Interval and Timeout what it gets, as a reader would write it.
	Callee, Interval, Timeout string
	// Known is set when both are numbers, of a poll whose interval is longer than its timeout.
	Known bool
}

// SwappedPolls returns the calls of own code whose interval and timeout changed places, in source order.
func (e *Effects) SwappedPolls() []SwappedPoll {
	var out []SwappedPoll
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			if call, ok := site.(*ssa.Call); ok {
				if s, found := swappedPoll(call); found {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

func swappedPoll(call *ssa.Call) (SwappedPoll, bool) {
	target := program.Target(call)
	if target == nil {
		return SwappedPoll{}, false
	}
	interval, timeout := pollParameters(target.Type().(*types.Signature))
	if interval < 0 || timeout < 0 {
		return SwappedPoll{}, false
	}
	x, y := program.Argument(call, interval), program.Argument(call, timeout)
	s := SwappedPoll{Call: call, Callee: target.Name()}
	if a, b := durationName(x), durationName(y); isTimeoutName(a) && isIntervalName(b) {
		s.Interval, s.Timeout = a, b
		return s, true
	}
	// An interval longer than the timeout is plain for other things, a probe for example.
	if target.Pkg() == nil || target.Pkg().Path() != "k8s.io/apimachinery/pkg/util/wait" || !strings.HasPrefix(target.Name(), "Poll") {
		return s, false
	}
	a, b := durationOf(x), durationOf(y)
	s.Interval, s.Timeout, s.Known = a.String(), b.String(), true
	return s, b > 0 && a > b // no timeout means for ever
}

// pollParameters finds the interval and the timeout among the parameters of a function; -1 where there is none, or two.
func pollParameters(sig *types.Signature) (interval, timeout int) {
	interval, timeout = -1, -1
	for i := range sig.Params().Len() {
		v := sig.Params().At(i)
		if !program.IsNamed(v.Type(), "time", "Duration") {
			continue
		}
		switch {
		case isIntervalName(v.Name()) && interval < 0:
			interval = i
		case isTimeoutName(v.Name()) && timeout < 0:
			timeout = i
		default:
			return -1, -1
		}
	}
	return interval, timeout
}

func isTimeoutName(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "timeout") && !strings.Contains(name, "interval")
}

func isIntervalName(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "interval") && !strings.Contains(name, "timeout")
}

// durationName is the name of the parameter, the field or the package variable that a duration comes from.
func durationName(v ssa.Value) string {
	switch x := v.(type) {
	case *ssa.Parameter:
		return x.Name()
	case *ssa.Field:
		return fieldNameAt(x.X.Type(), x.Field)
	case *ssa.UnOp:
		switch addr := x.X.(type) {
		case *ssa.Global:
			return addr.Name()
		case *ssa.FieldAddr:
			return fieldNameAt(addr.X.Type(), addr.Field)
		}
	}
	return ""
}

func fieldNameAt(t types.Type, index int) string {
	if key, ok := program.FieldKeyOf(t, index); ok {
		return key.Var().Name()
	}
	return ""
}

// durationOf is the value of a constant duration, else 0.
func durationOf(v ssa.Value) time.Duration {
	c, ok := v.(*ssa.Const)
	if !ok || c.Value == nil || c.Value.Kind() != constant.Int {
		return 0
	}
	return time.Duration(c.Int64())
}
