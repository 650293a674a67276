// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/version"

	"golang.org/x/tools/go/ssa"
)

// OlderThan tells whether fn is written in a language version before v, such as go1.22: the go line of its module says so.
// A go.mod without one is read as go 1.16 (https://go.dev/ref/mod#go-mod-file-go).
func (p *Program) OlderThan(fn *ssa.Function, v string) bool {
	pkg := p.Package(fn)
	if pkg == nil || pkg.Module == nil {
		return false
	}
	own := "go" + pkg.Module.GoVersion
	if pkg.Module.GoVersion == "" {
		own = "go1.16"
	}
	return version.IsValid(own) && version.Compare(own, v) < 0
}
