// SPDX-License-Identifier: Apache-2.0

// Package ownership is the wing of the catalogue for server-side apply (checklist section 7).
package ownership

import "github.com/replicavet/replicavet/internal/rule"

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{}
