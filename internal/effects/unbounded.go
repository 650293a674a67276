// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Unbounded is a call that waits by its nature and that nothing makes stop waiting.
type Unbounded struct {
	Site ssa.CallInstruction
	// Root is what the lack of a bound comes from, and names the finding: the client, the context, the call itself.
	Root ssa.Value
	// Why says what is missing, for a sentence.
	Why string
	// AtShutdown is set for calls that the end of the process waits for.
	AtShutdown bool
	// Local is set where the machine is likely to see to an end: programs that run on it, and connections, which the
	// kernel gives up after two minutes.
	Local bool
}

// UnboundedCalls returns the calls of own code that can wait for ever, in source order.
func (e *Effects) UnboundedCalls() []Unbounded {
	var out []Unbounded
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.Generated(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			if u, ok := e.unbounded(site); ok {
				out = append(out, u)
			}
		}
	}
	return out
}

func (e *Effects) unbounded(site ssa.CallInstruction) (Unbounded, bool) {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil {
		return Unbounded{}, false
	}
	recv := ""
	if r := target.Signature().Recv(); r != nil && program.Named(r.Type()) != nil {
		recv = program.Named(r.Type()).Obj().Name()
	}
	switch pkg, name := target.Pkg().Path(), target.Name(); {
	case pkg == "net/http" && recv == "":
		if name == "Get" || name == "Post" || name == "Head" || name == "PostForm" {
			return Unbounded{Site: site, Root: site.Value(), Why: "http.DefaultClient has no timeout"}, true
		}
	case pkg == "net/http" && recv == "Client":
		return e.httpCall(site, name)
	case pkg == "net/http" && recv == "Server" && name == "Shutdown":
		if root := e.endlessContext(ContextArgument(site), BackgroundContext); root != nil {
			return Unbounded{Site: site, Root: root, Why: "its context has no deadline", AtShutdown: true}, true
		}
	case pkg == "net" && recv == "" && name == "Dial":
		return Unbounded{Site: site, Root: site.Value(), Why: "net.Dial has no timeout of its own", Local: true}, !unixSocket(site)
	case pkg == "os/exec" && recv == "Cmd" && (name == "Run" || name == "Output" || name == "CombinedOutput"):
		return e.command(site)
	case strings.Contains(name, "WaitForCacheSync") || strings.Contains(name, "WaitForNamedCacheSync"):
		return e.cacheSync(site)
	case pkg == "github.com/google/go-containerregistry/pkg/v1/remote" && recv == "":
		return e.registry(site)
	}
	return Unbounded{}, false
}

// unixSocket tells whether a connection is one to a socket of the same machine: connect answers at once.
func unixSocket(site ssa.CallInstruction) bool {
	network, ok := program.Argument(site, 0).(*ssa.Const)
	return ok && network.Value != nil && strings.HasPrefix(network.Value.ExactString(), `"unix`)
}

// endlessContext returns the root of a context that never got a deadline and is of one of the kinds, or nil.
func (e *Effects) endlessContext(ctx ssa.Value, kinds ...ContextKind) ssa.Value {
	for _, o := range e.Contexts().Of(ctx) {
		for _, kind := range kinds {
			if o.Kind == kind && !o.Bounded && !(o.Kind == BackgroundContext && o.Cancellable) {
				return o.Root
			}
		}
	}
	return nil
}

// httpCall judges a call of a client's method: the client has no timeout, and neither has the request's context.
func (e *Effects) httpCall(site ssa.CallInstruction, name string) (Unbounded, bool) {
	client := e.clientWithoutTimeout(program.Receiver(site))
	if client == nil {
		return Unbounded{}, false
	}
	if name != "Do" {
		return Unbounded{Site: site, Root: client, Why: "its http.Client has no Timeout and the request no deadline"}, name != "CloseIdleConnections"
	}
	srcs := e.Program.Sources(program.Argument(site, 0))
	if len(srcs.Values) == 0 || srcs.Partial {
		return Unbounded{}, false
	}
	for _, src := range srcs.Values {
		if ex, ok := src.(*ssa.Extract); ok {
			src = ex.Tuple
		}
		call, ok := src.(*ssa.Call)
		if !ok || !e.requestWithoutDeadline(call) {
			return Unbounded{}, false
		}
	}
	return Unbounded{Site: site, Root: client, Why: "its http.Client has no Timeout and the request no deadline"}, true
}

// requestWithoutDeadline tells whether a call makes a request, or a copy of one, whose context has no deadline.
func (e *Effects) requestWithoutDeadline(call *ssa.Call) bool {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "net/http" {
		return false
	}
	if target.Name() == "NewRequest" {
		return true
	}
	ctx := ContextArgument(call)
	return ctx != nil && e.endlessContext(ctx, BackgroundContext, ReconcileContext, ProcessContext, LeaderContext) != nil
}

// clientWithoutTimeout returns the http.Client literal, or the default client, that a value is in all cases and that was
// never given a Timeout; nil if not known. A transport of one's own may bound the call, so only plain ones count.
func (e *Effects) clientWithoutTimeout(client ssa.Value) ssa.Value {
	srcs := e.Program.Sources(client)
	if len(srcs.Values) == 0 || srcs.Partial {
		return nil
	}
	for _, src := range srcs.Values {
		if load, ok := src.(*ssa.UnOp); ok && isGlobal(load, "net/http", "DefaultClient") {
			continue
		}
		alloc, ok := src.(*ssa.Alloc)
		if !ok {
			return nil
		}
		places, whole := placesOf(alloc)
		if !whole || setsField("Timeout", places...) || !e.plainTransport(places) {
			return nil
		}
		for _, value := range e.fieldStores("Timeout", alloc) {
			if value != nil {
				return nil
			}
		}
	}
	return srcs.Values[0]
}

// fieldStores are the values that any code stores into the field of a type that alloc is one of.
func (e *Effects) fieldStores(name string, alloc *ssa.Alloc) []ssa.Value {
	named := program.Named(alloc.Type())
	if named == nil {
		return nil
	}
	s, ok := named.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	for i := range s.NumFields() {
		if s.Field(i).Name() != name {
			continue
		}
		var out []ssa.Value
		for _, store := range e.Program.FieldStores(program.FieldKey{Type: named, Index: i}) {
			if addr, ok := store.Addr.(*ssa.FieldAddr); ok {
				if _, own := addr.X.(*ssa.Alloc); !own {
					out = append(out, store.Val)
				}
			}
		}
		return out
	}
	return nil
}

// placesOf returns where the fields of a struct are stored to: the struct itself, and the literal that it is given as a
// whole; ok is false where it is given the value of another one.
func placesOf(alloc *ssa.Alloc) (places []ssa.Value, ok bool) {
	places = []ssa.Value{alloc}
	for _, ref := range refs(alloc) {
		store, isStore := ref.(*ssa.Store)
		if !isStore || store.Addr != alloc {
			continue
		}
		if _, empty := store.Val.(*ssa.Const); empty {
			continue
		}
		load, isLoad := store.Val.(*ssa.UnOp)
		if !isLoad {
			return nil, false
		}
		literal, isAlloc := load.X.(*ssa.Alloc)
		if !isAlloc || literal.Comment != "complit" {
			return nil, false
		}
		places = append(places, literal)
	}
	return places, true
}

// setsField tells whether a field of a struct is stored to where the struct is made.
func setsField(name string, places ...ssa.Value) bool {
	return len(storesOfField(name, places)) > 0
}

// storesOfField returns the stores to a field of a struct where the struct is made.
func storesOfField(name string, places []ssa.Value) []*ssa.Store {
	var out []*ssa.Store
	for _, place := range places {
		for _, ref := range refs(place) {
			addr, ok := ref.(*ssa.FieldAddr)
			if !ok || fieldNameAt(place.Type(), addr.Field) != name {
				continue
			}
			for _, use := range refs(addr) {
				if store, ok := use.(*ssa.Store); ok && store.Addr == addr {
					out = append(out, store)
				}
			}
		}
	}
	return out
}

// command judges a process that is run: exec.Command has no context.
func (e *Effects) command(site ssa.CallInstruction) (Unbounded, bool) {
	srcs := e.Program.Sources(program.Receiver(site))
	for _, src := range srcs.Values {
		call, ok := src.(*ssa.Call)
		if !ok {
			return Unbounded{}, false
		}
		if t := program.Target(call); t == nil || t.Name() != "Command" {
			return Unbounded{}, false
		}
	}
	if len(srcs.Values) == 0 || srcs.Partial {
		return Unbounded{}, false
	}
	return Unbounded{Site: site, Root: srcs.Values[0], Why: "exec.Command has no context", Local: true}, true
}

// cacheSync judges a wait for an informer's first list: it takes as long as the other side does not answer.
func (e *Effects) cacheSync(site ssa.CallInstruction) (Unbounded, bool) {
	row := program.Model(site)
	if row == nil || row.Effect != kube.Block {
		return Unbounded{}, false
	}
	if ctx := ContextArgument(site); ctx != nil {
		if root := e.endlessContext(ctx, BackgroundContext, ReconcileContext, ProcessContext, LeaderContext); root != nil {
			return Unbounded{Site: site, Root: root, Why: "its context has no deadline"}, true
		}
		return Unbounded{}, false
	}
	for _, arg := range site.Common().Args {
		if chanElem(arg) != nil && isGlobal(arg, "k8s.io/apimachinery/pkg/util/wait", "NeverStop") {
			return Unbounded{Site: site, Root: arg, Why: "wait.NeverStop never ends"}, true
		}
	}
	return Unbounded{}, false
}

// TakesOptions tells whether a call has no parameter for a context, and is given a list of options that was put together
// elsewhere: a context may be among them.
func TakesOptions(site ssa.CallInstruction) bool {
	sig := site.Common().Signature()
	if !sig.Variadic() || ContextArgument(site) != nil {
		return false
	}
	last := sig.Params().Len() - 1
	options, ok := program.Variadic(site, last)
	if !ok {
		return true
	}
	return slices.ContainsFunc(options, func(option ssa.Value) bool {
		call, isCall := option.(*ssa.Call)
		return isCall && ContextArgument(call) != nil
	})
}

// registry judges a call to a container registry: without remote.WithContext it runs under Background.
func (e *Effects) registry(site ssa.CallInstruction) (Unbounded, bool) {
	row := program.Model(site)
	if row == nil || row.Effect != kube.Network {
		return Unbounded{}, false
	}
	options, ok := program.Variadic(site, site.Common().Signature().Params().Len()-1)
	if !ok {
		return Unbounded{}, false
	}
	for _, option := range options {
		call, isCall := option.(*ssa.Call)
		if !isCall {
			return Unbounded{}, false // an option from elsewhere may be the context
		}
		if ctx := ContextArgument(call); ctx != nil {
			root := e.endlessContext(ctx, BackgroundContext, ReconcileContext, ProcessContext)
			return Unbounded{Site: site, Root: root, Why: "its context has no deadline"}, root != nil
		}
	}
	return Unbounded{Site: site, Root: site.Value(), Why: "it is given no context"}, true
}
