// SPDX-License-Identifier: Apache-2.0

// Package replica is the wing of the catalogue for what only one replica knows, and what several do at once.
package replica

import (
	"embed"

	"github.com/replicavet/replicavet/internal/rule"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{
	unelected,
	leaderOnlyState,
	localAuthority,
	effectBeforeWrite,
	lostForGood,
}
