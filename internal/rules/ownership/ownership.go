// SPDX-License-Identifier: Apache-2.0

// Package ownership is the wing of the catalogue for server-side apply and field managers (checklist section 7).
package ownership

import (
	"embed"

	"github.com/replicavet/replicavet/internal/rule"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{
	sharedManager,
	applyErases,
	forceSteals,
	mixedVerbs,
	appliesWhatItRead,
	noManager,
	unforcedApply,
	repeatedReference,
}
