// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// GenerationsOnly tells whether the controllers for a kind hear nothing of changes that leave the generation as it is, those of
// the status and of metadata: each of them has a predicate that compares generations.
func (p *Program) GenerationsOnly(k kube.Kind) bool {
	if p.generationsOnly == nil {
		p.generationsOnly = p.filteredKinds()
	}
	found := false
	for _, f := range p.generationsOnly {
		if f.kind.Same(k) {
			if !f.filtered {
				return false
			}
			found = true
		}
	}
	return found
}

// filteredKind is a kind that a controller is for, and whether it hears of new generations only.
type filteredKind struct {
	kind     kube.Kind
	filtered bool
}

// filteredKinds lists what For of a builder and source.Kind are given; never nil.
func (p *Program) filteredKinds() []filteredKind {
	out := []filteredKind{}
	for _, fn := range p.Funcs {
		if p.InTest(fn) {
			continue
		}
		for site := range Sites(fn) {
			name := runtimeCall(site)
			if name != "For" && name != "Kind" && name != "TypedKind" {
				continue
			}
			for _, arg := range site.Common().Args {
				for _, src := range p.Sources(arg).Values {
					if k, ok := kube.KindOf(src.Type()); ok && k.Name != "" {
						out = append(out, filteredKind{k, p.comparesGenerations(site, 0) || p.filtersBuilder(fn)})
					}
				}
			}
		}
	}
	return out
}

// runtimeCall returns the name of the function or method of controller-runtime that a call is of; "" for other calls.
func runtimeCall(site ssa.CallInstruction) string {
	target := Target(site)
	if target == nil || target.Pkg() == nil || !strings.HasPrefix(target.Pkg().Path(), "sigs.k8s.io/controller-runtime/pkg/") {
		return ""
	}
	return target.Name()
}

// filtersBuilder tells whether a function gives the builder that it uses a predicate for all events.
func (p *Program) filtersBuilder(fn *ssa.Function) bool {
	for site := range Sites(fn) {
		if runtimeCall(site) == "WithEventFilter" && p.comparesGenerations(site, 0) {
			return true
		}
	}
	return false
}

// comparesGenerations tells whether a predicate that compares generations is among what a call gets: as it is, joined with others,
// or as an option.
func (p *Program) comparesGenerations(site ssa.CallInstruction, depth int) bool {
	if depth > 4 {
		return false
	}
	args := slices.Clone(site.Common().Args)
	for _, arg := range site.Common().Args {
		if values, ok := Elements(arg); ok {
			args = append(args, values...)
		}
	}
	return slices.ContainsFunc(args, func(arg ssa.Value) bool {
		return slices.ContainsFunc(p.Sources(arg).Values, func(src ssa.Value) bool { return p.isGenerationFilter(src, depth) })
	})
}

func (p *Program) isGenerationFilter(src ssa.Value, depth int) bool {
	if named := Named(src.Type()); named != nil && strings.HasSuffix(named.Obj().Name(), "GenerationChangedPredicate") {
		return true
	}
	if call, ok := src.(*ssa.Call); ok {
		switch runtimeCall(call) {
		case "And", "Or", "WithPredicates":
			return p.comparesGenerations(call, depth+1)
		case "NewPredicateFuncs":
			return false
		}
		return false
	}
	if load, ok := src.(*ssa.UnOp); ok {
		src = load.X
	}
	alloc, ok := src.(*ssa.Alloc)
	if !ok || alloc.Referrers() == nil {
		return false
	}
	for _, ref := range *alloc.Referrers() {
		field, ok := ref.(*ssa.FieldAddr)
		if !ok || FieldName(field.X.Type(), field.Field) != "UpdateFunc" {
			continue
		}
		for _, use := range *field.Referrers() {
			if st, ok := use.(*ssa.Store); ok && st.Addr == field && p.asksGeneration(st.Val) {
				return true
			}
		}
	}
	return false
}

// asksGeneration tells whether a function asks objects for their generation, and for neither their resourceVersion nor their
// status.
func (p *Program) asksGeneration(v ssa.Value) bool {
	asks := false
	for _, src := range p.Sources(v).Values {
		fn, _ := src.(*ssa.Function)
		if mc, ok := src.(*ssa.MakeClosure); ok {
			fn, _ = mc.Fn.(*ssa.Function)
		}
		if fn == nil {
			return false
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				switch asked(instr) {
				case "GetResourceVersion", "ResourceVersion", "Status":
					return false
				case "GetGeneration", "Generation":
					asks = true
				}
			}
		}
	}
	return asks
}

// asked returns the name of the method or field that an instruction asks; "" for others.
func asked(instr ssa.Instruction) string {
	switch x := instr.(type) {
	case *ssa.FieldAddr:
		return FieldName(x.X.Type(), x.Field)
	case ssa.CallInstruction:
		if t := Target(x); t != nil {
			return t.Name()
		}
	}
	return ""
}
