// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// maxFeeders bounds the feeders that are named; the last one says how many more there are.
const maxFeeders = 3

// feeders names the entry points that buffer the values which a story writes later: who meets whom is decided there.
func feeders(s *effects.Story) []rule.Related {
	all := s.Feeders()
	var out []rule.Related
	for i, f := range all {
		message := fmt.Sprintf("fed by %s (%s): %s", f.Entry, f.Entry.Domain, route(f))
		if i == maxFeeders-1 && len(all) > maxFeeders {
			message += fmt.Sprintf("; and by %d more entry points", len(all)-maxFeeders)
		}
		out = append(out, rule.Related{Func: f.Store.Parent(), Pos: f.Store.Pos(), Message: message})
		if i == maxFeeders-1 {
			break
		}
	}
	return out
}

// route renders the way from a feeder's entry to its store.
func route(f effects.Feeder) string {
	var names []string
	if f.Proof != nil {
		for _, site := range f.Proof.Path {
			names = append(names, program.Name(site.Parent()))
		}
	}
	return strings.Join(append(names, program.Name(f.Store.Parent())), " → ")
}

// fed restates feeders as reasons why two replicas meet on an object.
func fed(pass *rule.Pass, s *effects.Story) []string {
	var out []string
	for _, r := range feeders(s) {
		out = append(out, fmt.Sprintf("what it writes is %s at %s", r.Message, pass.Program.At(r.Pos)))
	}
	return out
}
