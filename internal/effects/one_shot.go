// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// OneShot tells whether fn is run by nothing but commands that do one thing and end: none of them starts a manager, a
// controller, an informer or a server, or loops for ever. Whoever has called such a command waits for it, and can stop it.
func (e *Effects) OneShot(fn *ssa.Function) bool {
	entries := slices.DeleteFunc(e.Program.EntriesOf(fn), func(en *program.Entry) bool { return en.Kind == program.EntryTest })
	return len(entries) > 0 && !slices.ContainsFunc(entries, func(en *program.Entry) bool {
		return en.Kind != program.EntryMain || strings.HasPrefix(en.Func.Name(), "init#") || e.staying()[en]
	})
}

// RunsOften tells whether a reconcile, a request or an event leads to fn: what it does is done again and again while the process
// lives.
func (e *Effects) RunsOften(fn *ssa.Function) bool {
	return slices.ContainsFunc(e.Program.EntriesOf(fn), func(en *program.Entry) bool {
		return en.Parallel() || en.Kind == program.EntryReconcile || en.Kind == program.EntryInformer || en.Kind == program.EntryDeclared || en.Kind == program.EntryMetrics
	})
}

// staying are the entry points that lead to what stays for as long as the process does.
func (e *Effects) staying() map[*program.Entry]bool {
	if e.stays != nil {
		return e.stays
	}
	e.stays = make(map[*program.Entry]bool)
	for _, fn := range e.Program.Funcs {
		if e.Goroutines().EndlessIn(fn) == nil && !slices.ContainsFunc(slices.Collect(program.Sites(fn)), stays) {
			continue
		}
		for _, entry := range e.Program.EntriesOf(fn) {
			e.stays[entry] = true
		}
	}
	return e.stays
}

// stays tells whether a call runs something that works until it is told to end.
func stays(site ssa.CallInstruction) bool {
	row := program.Model(site)
	if row == nil {
		return false
	}
	switch row.Effect {
	case kube.LeaderGate, kube.LeaderElection, kube.RegisterByOption, kube.RegisterEveryReplica, kube.RegisterLeaderRunnable, kube.InformerHandler:
		return true
	case kube.Block:
		return row.Recv != "Cmd" && slices.ContainsFunc([]string{"Start", "Run", "Serve", "Listen", "Accept", "Forever", "Jitter", "NonSliding", "Backoff"},
			func(name string) bool { return strings.HasPrefix(row.Name, name) }) || row.Recv == "" && (row.Name == "Until" || row.Name == "UntilWithContext")
	}
	return false
}
