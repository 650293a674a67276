// SPDX-License-Identifier: Apache-2.0

package kube

// Effect is what a call does to state that others share, or what it tells about who runs what.
// Its value is the word that the table's rows use.
type Effect string

// Reads. A read's Provenance says where it is served from; when that is empty the receiver decides.
const (
	ReadByProvenance Effect = "read-by-provenance" // live or cached, as the client was built and the type demands
	ReadLive         Effect = "read-live"          // GET to the API server
	ReadCached       Effect = "read-cached"        // from an informer's store: may be stale
	List             Effect = "list"
	Watch            Effect = "watch"
)

// Writes: one request to the API server each.
const (
	Create            Effect = "create"
	CreateSubresource Effect = "create-subresource"
	Evict             Effect = "evict"
	Update            Effect = "update"
	UpdateStatus      Effect = "update-status"
	UpdateSubresource Effect = "update-subresource"
	Patch             Effect = "patch"
	PatchStatus       Effect = "patch-status"
	PatchSubresource  Effect = "patch-subresource"
	Apply             Effect = "apply"
	ApplyStatus       Effect = "apply-status"
	ApplySubresource  Effect = "apply-subresource"
	Delete            Effect = "delete"
	DeleteCollection  Effect = "delete-collection"
)

// Composites: several requests behind one call.
const (
	ReadModifyWrite Effect = "read-modify-write" // reads, lets the caller change, writes; Protection says how
	RetryOnConflict Effect = "retry-on-conflict" // runs the closure again after a conflict
)

// Objects in memory and what is made from them.
const (
	MutateMemory     Effect = "mutate-memory"     // changes a Go object, sends nothing
	DeepCopy         Effect = "deep-copy"         // the result shares nothing with the receiver
	PatchConstructor Effect = "patch-constructor" // makes a patch and so decides its protection
	ErrorFilter      Effect = "error-filter"      // tests, classifies or swallows an API error
	Pure             Effect = "pure"
)

// Clients and caches.
const (
	ClientConstructor Effect = "client-constructor"
	ClientWrapper     Effect = "client-wrapper"     // provenance of the client it is given
	ClientNavigation  Effect = "client-navigation"  // narrows a client: clientset.AppsV1().Deployments(ns)
	SubresourceClient Effect = "subresource-client" // client.Status(), client.SubResource(name)
	RequestBuilder    Effect = "request-builder"    // a link of a rest.Request chain
	RequestEnd        Effect = "request-end"        // sends a rest.Request; the verb is at the chain's start
	Provenance        Effect = "provenance"         // hands out a client, reader, cache or config
	CacheConstructor  Effect = "cache-constructor"
	CacheWrite        Effect = "cache-write"     // writes into a local store by hand
	StalenessGuard    Effect = "staleness-guard" // expectations and their like
)

// Who runs what, on which replica.
const (
	RegisterLeaderRunnable Effect = "register-leader-runnable" // the leader only; concluded from options, no row says it
	RegisterEveryReplica   Effect = "register-every-replica"
	RegisterByOption       Effect = "register-by-option" // the leader unless options or the runnable say otherwise
	RegisterSource         Effect = "register-source"    // an event source of a controller
	RegisterIndex          Effect = "register-index"     // an index function: informer goroutine, every replica
	RegisterCallback       Effect = "register-callback"  // runs where its owner is called
	ControllerUnmanaged    Effect = "controller-unmanaged"
	InformerHandler        Effect = "informer-handler" // informer goroutine, arguments alias the store
	EntryEveryReplica      Effect = "entry-every-replica"
	EntryLeader            Effect = "entry-leader"
	EntryByOption          Effect = "entry-by-option"
	LeaderGate             Effect = "leader-gate"     // code behind it runs once elected
	LeaderCheck            Effect = "leader-check"    // an advisory answer, old when read
	LeaderElection         Effect = "leader-election" // a lock object or candidate
)

// Events and work queues.
const (
	EventEmit        Effect = "event-emit" // an Event: buffered, lossy, no state
	EventSource      Effect = "event-source"
	Queue            Effect = "queue"
	QueueConstructor Effect = "queue-constructor"
)

// The process itself.
const (
	SpawnGoroutine Effect = "spawn-goroutine"
	Block          Effect = "block" // may wait long; cancellable if Context is not -1
	Network        Effect = "network"
	NetworkBuilder Effect = "network-builder"
	Lock           Effect = "lock" // Name tells read locks and attempts from the rest
	Unlock         Effect = "unlock"
	RunOnce        Effect = "run-once" // runs the closure at most once, other callers wait
	Sync           Effect = "sync"     // counts or signals, never waits
	Atomic         Effect = "atomic"
	Timer          Effect = "timer"
	Time           Effect = "time"
	ContextRoot    Effect = "context-root"
	ContextDerive  Effect = "context-derive"
	ProcessExit    Effect = "process-exit" // deferred calls do not run
	Recover        Effect = "recover"
	GlobalState    Effect = "global-state"
	Option         Effect = "option" // a type, field or function that changes another call
)

// effects is what a row may say.
var effects = wordSet(
	ReadByProvenance, ReadLive, ReadCached, List, Watch,
	Create, CreateSubresource, Evict, Update, UpdateStatus, UpdateSubresource,
	Patch, PatchStatus, PatchSubresource, Apply, ApplyStatus, ApplySubresource, Delete, DeleteCollection,
	ReadModifyWrite, RetryOnConflict,
	MutateMemory, DeepCopy, PatchConstructor, ErrorFilter, Pure,
	ClientConstructor, ClientWrapper, ClientNavigation, SubresourceClient, RequestBuilder, RequestEnd,
	Provenance, CacheConstructor, CacheWrite, StalenessGuard,
	RegisterLeaderRunnable, RegisterEveryReplica, RegisterByOption, RegisterSource, RegisterIndex,
	RegisterCallback, ControllerUnmanaged, InformerHandler, EntryEveryReplica, EntryLeader, EntryByOption,
	LeaderGate, LeaderCheck, LeaderElection,
	EventEmit, EventSource, Queue, QueueConstructor,
	SpawnGoroutine, Block, Network, NetworkBuilder, Lock, Unlock, RunOnce, Sync, Atomic, Timer, Time,
	ContextRoot, ContextDerive, ProcessExit, Recover, GlobalState, Option,
)

// IsWrite reports whether the call sends at least one changing request to the API server.
func (e Effect) IsWrite() bool {
	switch e {
	case Create, CreateSubresource, Evict, Update, UpdateStatus, UpdateSubresource,
		Patch, PatchStatus, PatchSubresource, Apply, ApplyStatus, ApplySubresource,
		Delete, DeleteCollection, ReadModifyWrite:
		return true
	}
	return false
}

// OnStatus reports whether the call writes through the status subresource: the server keeps the status of what is sent, and
// nothing else. Where there is that subresource, it ignores the status in all other writes.
func (e Effect) OnStatus() bool { return e == UpdateStatus || e == PatchStatus || e == ApplyStatus }

// IsRead reports whether the call fetches objects, from wherever.
func (e Effect) IsRead() bool {
	switch e {
	case ReadByProvenance, ReadLive, ReadCached, List, Watch:
		return true
	}
	return false
}

func wordSet[T comparable](words ...T) map[T]bool {
	set := make(map[T]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}
