// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ExpectsNotStarted tells whether the function of a read asks, itself or by a helper, if the error is that the cache was not
// started. Then the read is a probe: controller-runtime looks the kind up at the server before it asks whether the cache runs.
func ExpectsNotStarted(read ssa.Instruction) bool {
	fn := read.Parent()
	if namesNotStarted(fn) {
		return true
	}
	for site := range program.Sites(fn) {
		helper := site.Common().StaticCallee()
		if helper != nil && helper.Signature.Params().Len() == 1 && helper.Signature.Results().Len() == 1 && namesNotStarted(helper) {
			return true
		}
	}
	return false
}

// namesNotStarted tells whether a function makes a target for the error, or asserts that one is it.
func namesNotStarted(fn *ssa.Function) bool {
	const path = "sigs.k8s.io/controller-runtime/pkg/cache"
	return slices.ContainsFunc(fn.Blocks, func(b *ssa.BasicBlock) bool {
		return slices.ContainsFunc(b.Instrs, func(instr ssa.Instruction) bool {
			switch x := instr.(type) {
			case *ssa.Alloc:
				return program.IsNamed(x.Type(), path, "ErrCacheNotStarted")
			case *ssa.TypeAssert:
				return program.IsNamed(x.AssertedType, path, "ErrCacheNotStarted")
			}
			return false
		})
	})
}
