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

// WorkKind says what a call waits for.
type WorkKind int

// The kinds of work.
const (
	// NoWork waits for nothing outside of the process that is known.
	NoWork WorkKind = iota
	// APIWork is a request to the API server.
	APIWork
	// NetworkWork waits for another machine.
	NetworkWork
	// ServiceWork runs until its context ends: a manager, an informer, a server, a poll.
	ServiceWork
	// CacheWork is a read through a cache that has to be filled first, once: of a kind that the program keeps no informer of
	// from the start.
	CacheWork
	// ForeignWork is a call into a library that takes a context and can fail; what it waits for is not known.
	ForeignWork
)

// Work knows which functions reach calls that leave the process. Ask for it with [Effects.Work].
type Work struct {
	p     *program.Program
	reach map[*ssa.Function]*WorkPath
}

// WorkPath is the shortest way from a function to a call that leaves the process.
type WorkPath struct {
	// Site is the call inside the function: the work itself, or the call of the next function.
	Site ssa.CallInstruction
	// Next is the way on; nil where Site is the work.
	Next *WorkPath
}

// Last returns the call in which the way ends.
func (w *WorkPath) Last() ssa.CallInstruction {
	for w.Next != nil {
		w = w.Next
	}
	return w.Site
}

// Work returns what the program does outside of its process.
func (e *Effects) Work() *Work {
	if e.work == nil {
		e.work = &Work{p: e.Program, reach: make(map[*ssa.Function]*WorkPath)}
		e.work.spread(APIWork, NetworkWork)
		e.work.spread(CacheWork)
	}
	return e.work
}

// Reach returns the shortest way from fn to an API or network call that fn waits for, or, where there is none, to a read
// through a cache that has to be filled; nil if there is no such call. Goroutines that fn starts are not part of it.
func (w *Work) Reach(fn *ssa.Function) *WorkPath { return w.reach[fn] }

// Through returns the way from a call site to an API or network call, the site itself included, or nil.
func (w *Work) Through(site ssa.CallInstruction) *WorkPath {
	if k := w.At(site); k == APIWork || k == NetworkWork || k == CacheWork {
		return &WorkPath{Site: site}
	}
	for _, e := range w.p.Callees(site) {
		if next := w.reach[e.Callee]; next != nil && e.How != program.Starts {
			return &WorkPath{Site: site, Next: next}
		}
	}
	return nil
}

// spread finds the functions that do work of these kinds themselves and walks from them back over their callers, breadth
// first.
func (w *Work) spread(kinds ...WorkKind) {
	var queue []*ssa.Function
	for _, fn := range w.p.Funcs {
		if w.reach[fn] != nil {
			continue
		}
		for site := range program.Sites(fn) {
			if _, started := site.(*ssa.Go); started {
				continue
			}
			if slices.Contains(kinds, w.At(site)) {
				w.reach[fn] = &WorkPath{Site: site}
				queue = append(queue, fn)
				break
			}
		}
	}
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		for _, e := range w.p.Callers(fn) {
			caller := e.Caller()
			if e.How == program.Starts || w.reach[caller] != nil {
				continue
			}
			w.reach[caller] = &WorkPath{Site: e.Site, Next: w.reach[fn]}
			queue = append(queue, caller)
		}
	}
}

// At says what a call waits for by itself; calls of own functions wait for nothing by themselves.
func (w *Work) At(site ssa.CallInstruction) WorkKind {
	row := program.Model(site)
	if row == nil {
		return w.foreign(site)
	}
	switch row.Effect {
	case kube.ReadCached, kube.CacheWrite, kube.EventEmit:
		return NoWork
	case kube.Network, kube.RequestEnd:
		return w.networkOf(site, row)
	case kube.NetworkBuilder:
		if ContextArgument(site) != nil {
			return NetworkWork // the request keeps the context and is sent with it
		}
		return NoWork
	case kube.Block, kube.LeaderGate:
		if ContextArgument(site) != nil || takesStop(site) {
			return ServiceWork
		}
		return NoWork
	}
	if kind, cached := cachedKind(w.p, site, row); cached {
		if w.p.Informed(kind) {
			return NoWork
		}
		return CacheWork
	}
	if row.Effect.IsRead() || row.Effect.IsWrite() {
		return APIWork
	}
	return NoWork
}

// networkOf leaves out what only looks like the network: listeners, and connections that are made later.
func (w *Work) networkOf(site ssa.CallInstruction, row *kube.Call) WorkKind {
	switch {
	case row.Pkg == "net" && row.Name == "Listen":
		return NoWork
	case row.Pkg == "net" && strings.HasPrefix(row.Name, "Dial") && unixSocket(site):
		return NoWork // it is connected, or refused, at once
	case row.Pkg == "google.golang.org/grpc" && row.Name == "NewClient":
		return NoWork
	}
	return NetworkWork
}

// takesStop tells whether a call takes a channel that stops it.
func takesStop(site ssa.CallInstruction) bool {
	for _, arg := range site.Common().Args {
		if ch, ok := arg.Type().Underlying().(*types.Chan); ok && isEmptyStruct(ch.Elem()) {
			return true
		}
	}
	return false
}

func isEmptyStruct(t types.Type) bool {
	s, ok := t.Underlying().(*types.Struct)
	return ok && s.NumFields() == 0
}

// bookkeeping are packages whose functions take a context to read values from it, to put some into it, or to log.
var bookkeeping = []string{
	"context", "log/slog", "runtime/", "testing", "github.com/go-logr/", "k8s.io/klog/", "go.opentelemetry.io/", "go.opencensus.io/",
	"google.golang.org/grpc/metadata", "google.golang.org/grpc/peer", "google.golang.org/grpc/credentials",
	"golang.org/x/sync/", "golang.org/x/oauth2", "knative.dev/pkg/logging", "knative.dev/pkg/injection", "github.com/prometheus/client_golang/",
	"sigs.k8s.io/controller-runtime/pkg/log", "k8s.io/component-base/", "github.com/grpc-ecosystem/", "go.uber.org/zap",
	"github.com/sirupsen/logrus", "k8s.io/client-go/tools/record", "k8s.io/client-go/tools/events", "k8s.io/client-go/util/workqueue",
	"github.com/awslabs/operatorpkg", "go.uber.org/",
	"github.com/aws/aws-sdk-go-v2/config", // reads files and the environment; credentials are fetched when they are needed
}

// foreign recognises calls into libraries that the model does not know: the context comes first, an error comes last.
func (w *Work) foreign(site ssa.CallInstruction) WorkKind {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || len(w.p.Callees(site)) > 0 || w.p.OwnPackage(target.Pkg()) {
		return NoWork
	}
	sig := target.Signature()
	if sig.Params().Len() == 0 || !isContextType(sig.Params().At(0).Type()) {
		return NoWork
	}
	if sig.Recv() == nil && strings.HasPrefix(target.Name(), "New") {
		return NoWork // a constructor: what it makes keeps the context and must not end with a request
	}
	if keepsBooks(target.Pkg().Path()) || !program.ReturnsError(sig) {
		return NoWork
	}
	return ForeignWork
}

// keepsBooks tells whether a package waits for nothing when it takes a context.
func keepsBooks(path string) bool {
	return slices.ContainsFunc(bookkeeping, func(prefix string) bool {
		prefix = strings.TrimSuffix(prefix, "/")
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	})
}

// Describe names what a call does for a sentence: client.Client.Get, http.Client.Do.
func Describe(site ssa.CallInstruction) string {
	target := program.Target(site)
	if target == nil {
		if call, ok := site.(*ssa.Call); ok {
			if pkg, name := calledFunction(call); pkg != nil {
				return pkg.Name() + "." + name
			}
		}
		return "the function value"
	}
	if recv := target.Signature().Recv(); recv != nil {
		if n := program.Named(recv.Type()); n != nil {
			if n.Obj().Pkg() != nil {
				return n.Obj().Pkg().Name() + "." + n.Obj().Name() + "." + target.Name()
			}
			return n.Obj().Name() + "." + target.Name()
		}
		return target.Name()
	}
	if target.Pkg() != nil {
		return target.Pkg().Name() + "." + target.Name()
	}
	return target.Name()
}
