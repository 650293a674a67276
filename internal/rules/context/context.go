// SPDX-License-Identifier: Apache-2.0

// Package context is the wing of the catalogue for deadlines and cancellation (checklist section 5).
package context

import (
	"embed"

	"github.com/replicavet/replicavet/internal/rule"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{unboundedCall, detached, ignoredCancel, requestEscapes, shortLived, alreadyOver, blank, lostLeadership, spins, lateCleanup, pilesUp, usedUp, discarded}
