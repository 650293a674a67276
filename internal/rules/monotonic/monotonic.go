// SPDX-License-Identifier: Apache-2.0

// Package monotonic is the wing of the catalogue for values that must never fall (checklist section 2).
package monotonic

import "github.com/replicavet/replicavet/internal/rule"

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{}
