// SPDX-License-Identifier: Apache-2.0

// Package rmw is the wing of the catalogue for read-modify-write races on API objects (checklist section 1).
package rmw

import (
	"embed"

	"github.com/replicavet/replicavet/internal/rule"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{
	unlockedPatch,
	retryWithoutLock,
	unlockedApply,
	retryWithoutReread,
	lostConflict,
	deferredWrite,
	conflictAsFailure,
	unguardedTransition,
	borrowedVersion,
	baseAfterChange,
	discardedChange,
	ignoredFresh,
	indexPatch,
	checkThenCreate,
	unconditionalDelete,
	ownMutex,
	deadGuard,
	recreatedObject,
	usedVersion,
	versionlessUpdate,
	unsentChange,
	raisedInRetry,
	conflictDeletes,
	forgottenConflict,
	hiddenConflict,
	maskedError,
	lateFinalizer,
	successAsFailure,
	lostCopy,
}
