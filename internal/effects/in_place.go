// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// inPlace adds what a call does to the elements of a slice or map that is part of an object: it sorts, removes or overwrites them where
// they are.
func (g *gatherer) inPlace(site ssa.CallInstruction) {
	target := editedInPlace(site)
	if target == nil {
		return
	}
	for _, p := range g.e.Places(g.fn, target) {
		if (p.Path != "" || isParameter(p.Root)) && g.relevant(p) {
			g.add(&Event{Kind: Borrow, Origin: site, Object: p.Object, Path: join(p.Path, "[]"), Type: stripped(target).Type()})
		}
	}
	g.borrow(site, target, "[]")
}

// editedInPlace returns the slice or map whose elements a call changes; nil if it changes none.
func editedInPlace(site ssa.CallInstruction) ssa.Value {
	common := site.Common()
	if b, ok := common.Value.(*ssa.Builtin); ok {
		switch b.Name() {
		case "copy", "clear":
			return common.Args[0]
		case "append": // append(s[:i], s[i+1:]...): the rest moves up in the same array
			if cut, ok := common.Args[0].(*ssa.Slice); ok && cut.High != nil && cut.Max == nil && isSlice(cut.X.Type()) {
				return cut.X
			}
		}
		return nil
	}
	if reorders(site) {
		return program.Argument(site, 0)
	}
	return nil
}

// reorders knows the functions of the standard library that sort, remove or overwrite in place.
func reorders(site ssa.CallInstruction) bool {
	t := program.Target(site)
	if t == nil || t.Pkg() == nil {
		return false
	}
	switch t.Pkg().Path() {
	case "sort":
		return slices.Contains([]string{"Slice", "SliceStable", "Sort", "Stable", "Strings", "Ints"}, t.Name())
	case "slices":
		return slices.Contains([]string{"Sort", "SortFunc", "SortStableFunc", "Reverse", "Delete", "DeleteFunc", "Compact", "CompactFunc", "Replace"}, t.Name())
	case "maps":
		return slices.Contains([]string{"Copy", "DeleteFunc", "Insert"}, t.Name())
	}
	return false
}
