// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"cmp"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/rule"
)

// liveRead asks the API server for what a read asks the cache for.
func liveRead(pass *rule.Pass, read *effects.Event) string { return liveCall(pass.Words(read.Origin)) }

// liveCall is a read that goes past the cache. A lister has another interface than a client, so its words are of no use.
func liveCall(w *rule.Words) string {
	if !w.Context() {
		return w.Fill("if err := live.Get($parent, key, $into); err != nil { // key: what $call is asked for; live: the manager's GetAPIReader()\n\t$return\n}",
			"into", cmp.Or(w.Defined(), "obj"))
	}
	return w.Fill("if err := $live; err != nil { // live: the manager's GetAPIReader()\n\t$return\n}", "live", w.Through("live"))
}

// copyFirst changes a copy of the object that an event changes.
func copyFirst(pass *rule.Pass, ev *effects.Event, when string) string {
	holder := pass.Holder(ev)
	switch {
	case strings.ContainsAny(holder, "()[]"):
		return "obj := " + holder + ".DeepCopy()" + when
	case holder == "obj":
		when += ", of the object that has what is changed (obj: its name)"
	}
	return holder + " = " + holder + ".DeepCopy()" + when
}
