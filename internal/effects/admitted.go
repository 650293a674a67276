// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// AdmitsPods tells whether a webhook is asked about Pods: it takes what it is shown, itself or in a function that it calls, for one.
// Controllers make Pods and make them again, with a growing pause, when they are refused.
func (e *Effects) AdmitsPods(hook *ssa.Function) bool {
	if e.takesForPod(hook) {
		return true
	}
	for site := range program.Sites(hook) {
		for _, callee := range e.Program.Static(site) {
			if e.takesForPod(callee) {
				return true
			}
		}
	}
	return false
}

// takesForPod tells whether a function asserts that a parameter is a Pod, or has a request decoded into one.
func (e *Effects) takesForPod(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.TypeAssert:
				if _, isParam := stripped(x.X).(*ssa.Parameter); isParam && isPod(x.AssertedType) {
					return true
				}
			case ssa.CallInstruction:
				t := program.Target(x)
				if t == nil || t.Name() != "Decode" && t.Name() != "DecodeRaw" {
					continue
				}
				for _, arg := range x.Common().Args {
					if isPod(stripped(arg).Type()) {
						return true
					}
				}
			}
		}
	}
	return false
}

func isPod(t types.Type) bool { return program.IsNamed(t, "k8s.io/api/core/v1", "Pod") }
