// SPDX-License-Identifier: Apache-2.0

// Package goroutine is the wing of the catalogue for the life of goroutines (checklist section 6).
package goroutine

import (
	"embed"

	"github.com/replicavet/replicavet/internal/rule"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{
	noShutdown,
	unstoppedSource,
	growingMap,
	deafWatch,
	unboundedSpawn,
	unawaitedExit,
	lateResult,
	Leak,
	PanicContract,
	WaitGroup,
	loopVariable,
}
