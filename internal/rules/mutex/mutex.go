// SPDX-License-Identifier: Apache-2.0

// Package mutex is the wing of the catalogue for memory shared in one process (checklist section 4).
package mutex

import (
	"embed"

	"github.com/replicavet/replicavet/internal/rule"
)

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{
	UnguardedField, LockOrder, HeldAcrossNetwork, HeldWhileBlocked, MissingUnlock, DoubleUnlock, Relock,
	CheckThenAct, WriteUnderRLock, LeakedAlias, DeferInLoop, AtomicMixed, LostWakeup, IndexFunctionWaits, EmptySection, ProcessWide,
}

//go:embed *.md
var pages embed.FS
