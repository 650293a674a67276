// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"math"
	"time"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

const waitPath = "k8s.io/apimachinery/pkg/util/wait"

// Patience returns how long a retry waits in all between its attempts, jitter not counted; ok is false where the code does not
// show it.
func (e *Effects) Patience(r *Retry) (all time.Duration, ok bool) {
	for _, arg := range r.Site.Common().Args {
		if program.IsNamed(arg.Type(), waitPath, "Backoff") {
			return e.pauses(arg)
		}
	}
	return 0, false
}

// pauses adds up the pauses of a wait.Backoff.
func (e *Effects) pauses(backoff ssa.Value) (time.Duration, bool) {
	if load, ok := backoff.(*ssa.UnOp); ok {
		switch { // as client-go's util/retry has them
		case isGlobal(load, "k8s.io/client-go/util/retry", "DefaultRetry"):
			return 4 * 10 * time.Millisecond, true
		case isGlobal(load, "k8s.io/client-go/util/retry", "DefaultBackoff"):
			return (10 + 50 + 250) * time.Millisecond, true
		}
	}
	first, okFirst := e.onlyNumber(backoff, "Duration")
	steps, okSteps := e.onlyNumber(backoff, "Steps")
	factor, okFactor := e.onlyNumber(backoff, "Factor")
	if !okFirst || !okSteps || steps < 1 || steps > 100 {
		return 0, false
	}
	if !okFactor || factor == 0 {
		factor = 1
	}
	longest, limited := e.onlyNumber(backoff, "Cap")
	all := 0.0
	for pause := first; steps > 1 && all < math.MaxInt32*float64(time.Second); steps-- {
		all += pause
		if pause *= factor; limited && longest > 0 && pause > longest {
			pause = longest
		}
	}
	return time.Duration(all), true
}

// onlyNumber returns the constant that a field of a struct always is.
func (e *Effects) onlyNumber(v ssa.Value, field string) (float64, bool) {
	values, _ := e.Program.FieldOf(v, field)
	found, ok := 0.0, false
	for _, value := range values {
		c, isConst := value.(*ssa.Const)
		if !isConst || c.Value == nil {
			return 0, false
		}
		f, _ := constant.Float64Val(constant.ToFloat(c.Value))
		if ok && f != found {
			return 0, false
		}
		found, ok = f, true
	}
	return found, ok
}
