// SPDX-License-Identifier: Apache-2.0

// Package rules is the catalogue: all rules of all wings, in the order of the checklist.
package rules

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/rule"
	"github.com/replicavet/replicavet/internal/rules/cache"
	"github.com/replicavet/replicavet/internal/rules/channel"
	"github.com/replicavet/replicavet/internal/rules/clock"
	"github.com/replicavet/replicavet/internal/rules/context"
	"github.com/replicavet/replicavet/internal/rules/goroutine"
	"github.com/replicavet/replicavet/internal/rules/monotonic"
	"github.com/replicavet/replicavet/internal/rules/mutex"
	"github.com/replicavet/replicavet/internal/rules/ownership"
	"github.com/replicavet/replicavet/internal/rules/replica"
	"github.com/replicavet/replicavet/internal/rules/rmw"
	"github.com/replicavet/replicavet/internal/rules/triage"
)

// All returns the whole catalogue.
func All() []*rule.Rule {
	return slices.Concat(rmw.Rules, monotonic.Rules, cache.Rules, mutex.Rules, channel.Rules,
		context.Rules, goroutine.Rules, ownership.Rules, clock.Rules, replica.Rules, triage.Rules)
}

// Find returns the rule with that id, or nil.
func Find(id string) *rule.Rule {
	for _, r := range All() {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// Family returns the rules of a family, such as rmw; none if there is no such family.
func Family(name string) []*rule.Rule {
	var out []*rule.Rule
	for _, r := range All() {
		if strings.HasPrefix(r.ID, name+"/") {
			out = append(out, r)
		}
	}
	return out
}
