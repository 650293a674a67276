// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// EntryKind is the way in which execution enters own code.
type EntryKind string

// The kinds of entry points.
const (
	EntryMain      EntryKind = "main"
	EntryReconcile EntryKind = "reconciler"
	EntryWebhook   EntryKind = "webhook"
	EntryHTTP      EntryKind = "HTTP handler"
	EntryGRPC      EntryKind = "gRPC method"
	EntryInformer  EntryKind = "informer callback"
	EntryRunnable  EntryKind = "runnable"
	EntryElected   EntryKind = "leader callback"
	EntryProbe     EntryKind = "health check"
	EntryMetrics   EntryKind = "metrics collector"
	EntryDeclared  EntryKind = "entry point" // the project tells of it
	EntryTest      EntryKind = "test"
)

// Entry is a function that a framework, the Go runtime or a user calls: nothing in own code does.
type Entry struct {
	Func *ssa.Function
	Kind EntryKind
	// Domain is where the entry runs.
	Domain Domain
	// Because is the reason for the domain, in one clause.
	Because string
	// Pos is where the entry was registered, or its declaration where no registration was found.
	Pos token.Pos
	// Group is shared by callbacks that one goroutine calls in turn: the struct that holds them. It may be nil.
	Group ssa.Value
	// Manager is the manager it was registered on, where that is known.
	Manager *Manager
	// Requeues is set when the framework calls the entry again after it returned an error.
	Requeues bool

	// command is set for what a command does, of which a process runs one.
	command bool
	// parallel is set where the project says that calls of it run at the same time.
	parallel bool
	// watch is the function that hands a callback to the watch of a controller; nil for what stands at an informer itself.
	watch *ssa.Function
	// sites are the calls that hand the entry to its framework, as far as they are seen.
	sites []ssa.CallInstruction
}

// String renders the entry for a sentence: HTTP handler (*API).Ping.
func (e *Entry) String() string { return string(e.Kind) + " " + Name(e.Func) }

// Parallel tells whether two calls of the entry can run at the same time in one process.
func (e *Entry) Parallel() bool {
	switch e.Kind {
	case EntryWebhook, EntryHTTP, EntryGRPC, EntryProbe:
		return true
	}
	return e.parallel
}
