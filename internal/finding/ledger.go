// SPDX-License-Identifier: Apache-2.0

package finding

// MapEntry is one entry point of the reviewed program: a place where something outside calls in, and who runs it.
type MapEntry struct {
	// Entry is the entry point as a reader knows it: "reconciler Session", "webhook /validate".
	Entry string `json:"entry"`
	// Kind is the sort of entry point: reconciler, runnable, webhook, handler, goroutine, …
	Kind string `json:"kind"`
	// Domain is the Kind of a Domain: every-replica, leader-only, start-up, test or unknown.
	Domain   string   `json:"domain"`
	Because  []string `json:"because"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Function string   `json:"function"`
}

// LedgerRow is one write to the Kubernetes API, with what protects it.
type LedgerRow struct {
	// Kind is the API kind that is written; Verb is how: create, update, patch, apply, delete, status-update, …
	Kind string `json:"kind"`
	Verb string `json:"verb"`
	// Fields are the paths of the fields that the write changes, sorted; none when they are not known.
	Fields []string `json:"fields"`
	// ReadFrom tells where the written content was read: cache, live, both, nothing or unknown.
	ReadFrom string `json:"readFrom"`
	// Protection is what keeps two writers apart: version, retry, apply, leader, none or unknown.
	Protection string `json:"protection"`
	// Domain is the Kind of a Domain.
	Domain string `json:"domain"`
	// Manager is the field manager of an apply; it is empty elsewhere.
	Manager  string `json:"manager,omitempty"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Function string `json:"function"`
	// Callers are the entry points that reach the write, sorted.
	Callers []string `json:"callers"`
}
