// SPDX-License-Identifier: Apache-2.0

// Package clock is the wing of the catalogue for time (checklist section 8).
package clock

import (
	"embed"

	"github.com/replicavet/replicavet/internal/rule"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{
	localTime,
	localMetav1,
	equality,
	remaining,
	zone,
	skew,
	swapped,
	unit,
	lateCap,
	spentTimer,
	zeroBackoff,
}
