// SPDX-License-Identifier: Apache-2.0

// Package effects says what each function does to state that others share, in order: reads and writes of API objects
// and the changes between them, seen through helpers, closures and wrappers. It is built once and shared by all rules.
// It gathers facts and never reports.
package effects

import "github.com/replicavet/replicavet/internal/program"

// Effects are the facts about one program.
type Effects struct {
	Program *program.Program
}

// Build gathers the effects of a program.
func Build(p *program.Program) *Effects {
	return &Effects{Program: p}
}
