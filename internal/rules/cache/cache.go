// SPDX-License-Identifier: Apache-2.0

// Package cache is the wing of the catalogue for stale and shared reads (checklist section 3).
package cache

import "github.com/replicavet/replicavet/internal/rule"

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{}
