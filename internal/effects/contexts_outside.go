// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// invokedWith returns the contexts that a method is given by those who call it through an interface of own code, where no
// call of the method itself is in sight: what chooses the method is out of sight (reflection, a registry), but not with
// what it is called.
func (c *Contexts) invokedWith(fn *ssa.Function, index int) []ContextOrigin {
	recv := fn.Signature.Recv()
	if recv == nil || index < 1 {
		return nil
	}
	if c.invoked == nil {
		c.findInvoked()
	}
	var out []ContextOrigin
	for _, site := range c.invoked[fn.Name()] {
		common := site.Common()
		iface, ok := common.Value.Type().Underlying().(*types.Interface)
		if ok && index-1 < len(common.Args) && types.Implements(recv.Type(), iface) {
			out = append(out, c.Of(common.Args[index-1])...)
		}
	}
	return out
}

// findInvoked finds the calls of methods of own interfaces that are given a context.
func (c *Contexts) findInvoked() {
	c.invoked = make(map[string][]ssa.CallInstruction)
	for _, fn := range c.p.Funcs {
		if c.p.InTest(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			common := site.Common()
			if common.IsInvoke() && ContextArgument(site) != nil && c.p.OwnPackage(common.Method.Pkg()) {
				c.invoked[common.Method.Name()] = append(c.invoked[common.Method.Name()], site)
			}
		}
	}
}

// endsAtSignal tells whether a stop channel is closed by a signal to the process: who makes it asks for signals, or is a
// library's function that says so.
func (c *Contexts) endsAtSignal(stop ssa.Value) bool {
	sources := slices.DeleteFunc(slices.Clone(c.p.Sources(stop).Values), func(src ssa.Value) bool {
		return src.Parent() != nil && c.p.InTest(src.Parent())
	})
	return len(sources) > 0 && !slices.ContainsFunc(sources, func(src ssa.Value) bool {
		switch src := src.(type) {
		case *ssa.Call:
			target := program.Target(src)
			return target == nil || !strings.Contains(target.Name(), "Signal")
		case *ssa.MakeChan:
			return !slices.ContainsFunc(slices.Collect(program.Sites(src.Parent())), func(site ssa.CallInstruction) bool {
				target := program.Target(site)
				return target != nil && target.Name() == "Notify" && target.Pkg() != nil && target.Pkg().Path() == "os/signal"
			})
		}
		return true
	})
}

// AfterFailure tells whether a new context is made, or a caller makes the call by which it could hand its own on, only where
// another call under the context in reach has failed.
func (c *Contexts) AfterFailure(reach *InReach, root ssa.CallInstruction) bool {
	at := root.Block()
	if !reach.Own {
		at = reach.Edge.Site.Block()
	}
	for site := range program.Sites(at.Parent()) {
		ctx := ContextArgument(site)
		results := site.Common().Signature().Results()
		if ctx == nil || results.Len() == 0 || ctx != reach.Value && !derivesFrom(ctx, reach.Value) {
			continue
		}
		err := tupleElement(site, results.Len()-1)
		if err == nil || !isErrorType(err.Type()) {
			continue
		}
		for _, b := range at.Parent().Blocks {
			for i, succ := range b.Succs {
				if len(succ.Preds) == 1 && succ.Dominates(at) && failed(b, i, err) {
					return true
				}
			}
		}
	}
	return false
}
