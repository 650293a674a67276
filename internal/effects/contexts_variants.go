// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// variantRoots adds the calls of a library for which it has a second function, the same but for a context that comes first:
// List and ListContext, Put and PutWithContext. The first is the second under Background.
func (e *Effects) variantRoots(byRoot map[ssa.Value]*ContextRoot) {
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.Generated(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			if !ok {
				continue // one that is deferred cleans up, one in a goroutine of its own keeps nobody waiting
			}
			variant := e.variantOf(call)
			if variant == nil {
				continue
			}
			use := ContextUse{Site: call, Kind: ForeignWork, Origin: ContextOrigin{Kind: BackgroundContext, Root: call}}
			if kind := e.Work().At(call); kind != NoWork {
				use.Kind = kind
			}
			byRoot[call] = &ContextRoot{Site: call, Variant: variant.Name(), Uses: []ContextUse{use}}
		}
	}
}

// variantOf returns the function of a library that does what the called one does under a context, nil if there is none.
func (e *Effects) variantOf(call *ssa.Call) *types.Func {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || ContextArgument(call) != nil || e.Program.OwnPackage(target.Pkg()) || keepsBooks(target.Pkg().Path()) {
		return nil
	}
	sig := target.Signature()
	if !program.ReturnsError(sig) || sig.Recv() == nil && strings.HasPrefix(target.Name(), "New") {
		return nil // what waits for something else can fail; and a constructor waits for nothing
	}
	if sig.Recv() != nil && hasTimeout(sig.Recv().Type()) {
		return nil // a dialer, a client: it ends by itself
	}
	for _, suffix := range []string{"Context", "WithContext"} {
		if variant := neighbour(target, target.Name()+suffix); variant != nil && addsContext(sig, variant.Signature()) {
			return variant
		}
	}
	return nil
}

// hasTimeout tells whether a struct has a field for a timeout.
func hasTimeout(t types.Type) bool {
	named := program.Named(t)
	if named == nil {
		return false
	}
	s, ok := named.Underlying().(*types.Struct)
	return ok && slices.ContainsFunc(slices.Collect(s.Fields()), func(f *types.Var) bool { return strings.HasSuffix(f.Name(), "Timeout") })
}

// neighbour returns the function of a name beside another one: a method of the same type, or a function of the package.
func neighbour(fn *types.Func, name string) *types.Func {
	var obj types.Object
	if recv := fn.Signature().Recv(); recv != nil {
		obj, _, _ = types.LookupFieldOrMethod(recv.Type(), true, fn.Pkg(), name)
	} else {
		obj = fn.Pkg().Scope().Lookup(name)
	}
	found, _ := obj.(*types.Func)
	return found
}

// addsContext tells whether a signature is another one with a context before the parameters. It may take options behind them.
func addsContext(plain, with *types.Signature) bool {
	n := plain.Params().Len()
	if with.Params().Len() < n+1 || !isContextType(with.Params().At(0).Type()) || plain.Results().Len() != with.Results().Len() {
		return false
	}
	for i := range n {
		if !types.Identical(plain.Params().At(i).Type(), with.Params().At(i+1).Type()) {
			return false // it does something else: it is told when to stop, or polls until a time
		}
	}
	return with.Params().Len() == n+1 || with.Variadic() && with.Params().Len() == n+2
}
