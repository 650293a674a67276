// SPDX-License-Identifier: Apache-2.0

// Package channel is the wing of the catalogue for channels between goroutines (checklist section 4).
package channel

import "github.com/replicavet/replicavet/internal/rule"

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{}
