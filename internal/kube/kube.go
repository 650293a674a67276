// SPDX-License-Identifier: Apache-2.0

// Package kube says what a call or a type means to Kubernetes.
//
// Most of it is a table (table/*.txt): a symbol, matched by package path, receiver and name, and what calling it
// does: which request it sends, which argument is the object, what guards the write, where a read is served from,
// on which replica the code it is given will run. Generated code has no fixed names and is matched by shape: client
// sets, listers, informer factories, apply configurations, gRPC services.
//
// The package knows types (go/types), not code: no syntax, no SSA, no rules. It follows nothing. Where the answer
// depends on a value (which client is this, which patch), the row says which argument to ask.
//
// A nil answer is "nothing is known", never "no effect": that is Pure.
//
// The table is parsed once, at the first lookup. A test checks each row against the sources of the module versions
// that its file names.
package kube
