// SPDX-License-Identifier: Apache-2.0

// Package cache is the wing of the catalogue for reads that are out of date and objects that readers share (checklist
// section 3).
package cache

import (
	"embed"

	"github.com/replicavet/replicavet/internal/rule"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{
	retryReadsCache,
	decidesOnStale,
	mutatesShared,
	mutatesKept,
	missedTombstone,
	readAfterWrite,
	beforeStart,
	existsUnseen,
	storeWritten,
}
