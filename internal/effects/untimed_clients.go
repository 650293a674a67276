// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"
	"sync"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// UntimedClient is a client made of a kubeconfig that was got while the process works, so most likely that of another cluster, whose
// configuration has no Timeout and some of whose requests have no deadline.
type UntimedClient struct {
	Made *ssa.Call
	// Config is the call that made the configuration.
	Config *ssa.Call
	// Requests are those without a deadline, in source order.
	Requests []ssa.CallInstruction
}

// UntimedClients returns these clients of own code, in source order.
func (e *Effects) UntimedClients() []UntimedClient {
	var out []UntimedClient
	index := make(map[ssa.Value]int)
	timed := sync.OnceValue(e.timedConfigs) // few programs have such clients
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			row := program.Model(site)
			if !ok || row == nil || row.Effect != kube.ClientConstructor || row.Provenance != "live" {
				continue
			}
			if config := e.kubeconfig(call, timed); config != nil {
				index[call] = len(out)
				out = append(out, UntimedClient{Made: call, Config: config})
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			if client := e.endlessRequest(site); client != nil {
				for _, src := range e.Program.Sources(client).Values {
					if i, ok := index[tupleOf(src)]; ok {
						out[i].Requests = append(out[i].Requests, site)
					}
				}
			}
		}
	}
	return slices.DeleteFunc(out, func(u UntimedClient) bool { return len(u.Requests) == 0 })
}

// kubeconfig returns the call that made the configuration of a client, where it is made of the data of a kubeconfig in all cases and
// nothing in own code gives it a Timeout, or a transport of its own.
func (e *Effects) kubeconfig(client *ssa.Call, timed func() map[ssa.Value]bool) *ssa.Call {
	for _, arg := range client.Call.Args {
		if !isRestConfig(arg) {
			continue
		}
		srcs := e.Program.Sources(arg)
		var made *ssa.Call
		for _, src := range srcs.Values {
			call, ok := tupleOf(src).(*ssa.Call)
			if !ok || !e.ofKubeconfig(call) || timed()[call] {
				return nil
			}
			made = call
		}
		if srcs.Partial {
			return nil
		}
		return made
	}
	return nil
}

// ofKubeconfig tells whether a call makes a configuration of the data of a kubeconfig.
func (e *Effects) ofKubeconfig(call *ssa.Call) bool {
	row := program.Model(call)
	if row == nil || row.Effect != kube.Provenance {
		return false
	}
	if row.Name != "ClientConfig" {
		return row.Provenance == "kubeconfig"
	}
	loaders := e.Program.Sources(program.Receiver(call)).Values
	return len(loaders) > 0 && !slices.ContainsFunc(loaders, func(src ssa.Value) bool {
		loader, ok := tupleOf(src).(*ssa.Call)
		if !ok {
			return true
		}
		row := program.Model(loader)
		return row == nil || row.Provenance != "kubeconfig"
	})
}

// timedConfigs are the configurations that own code gives a Timeout, or a transport, which may have one.
func (e *Effects) timedConfigs() map[ssa.Value]bool {
	out := make(map[ssa.Value]bool)
	for _, fn := range e.Program.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				addr, ok := instr.(*ssa.FieldAddr)
				if !ok || !isRestConfig(addr.X) {
					continue
				}
				switch fieldNameAt(addr.X.Type(), addr.Field) {
				case "Timeout", "Transport", "WrapTransport", "Dial":
					for _, src := range e.Program.Sources(addr.X).Values {
						out[tupleOf(src)] = true
					}
				}
			}
		}
	}
	return out
}

func isRestConfig(v ssa.Value) bool {
	return program.IsNamed(v.Type(), "k8s.io/client-go/rest", "Config")
}

// tupleOf returns what a value is a part of, or the value itself.
func tupleOf(v ssa.Value) ssa.Value {
	if part, ok := v.(*ssa.Extract); ok {
		return part.Tuple
	}
	return v
}

// endlessRequest returns the client of a request that no deadline ends, nil if the call is none. A watch is meant to last.
func (e *Effects) endlessRequest(site ssa.CallInstruction) ssa.Value {
	row := program.Model(site)
	if row == nil || !row.Effect.IsRead() && !row.Effect.IsWrite() || strings.Contains(row.Name, "Watch") || row.GivesUp {
		return nil
	}
	ctx := ContextArgument(site)
	if ctx == nil || e.endlessContext(ctx, BackgroundContext, ReconcileContext, ProcessContext, LeaderContext) == nil {
		return nil
	}
	return clientBehind(program.Receiver(site))
}

// clientBehind returns the client that a chain of calls starts from: clientset.CoreV1().Pods(namespace).
func clientBehind(client ssa.Value) ssa.Value {
	for range 6 {
		call, ok := client.(*ssa.Call)
		if !ok {
			break
		}
		row := program.Model(call)
		if row == nil || row.Effect != kube.ClientNavigation {
			break
		}
		client = program.Receiver(call)
	}
	return client
}
