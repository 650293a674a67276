// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
)

// Freshness says whether a read is cached or live, and where its client was made.
func (e *Effects) Freshness(read *Event) (program.Freshness, string) {
	switch {
	case read.Call == nil:
		return program.FreshnessUnknown, ""
	case read.Call.Effect == kube.ReadCached || read.Call.Provenance == "cached":
		return program.Cached, "a lister or an informer's store"
	case read.Call.Effect == kube.ReadLive || read.Call.Provenance == "live":
		return program.Live, "a live read"
	}
	return e.Program.ClientOf(read.Client, read.Type)
}
