// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// channelResolver answers which channels a value can be. Values that went through a map, a slice or another channel are
// matched by element type: that excuses more than it should and blames nobody.
type channelResolver struct {
	p        *program.Program
	all      []*Channel
	made     map[*ssa.MakeChan]*Channel
	elements map[string][]ssa.Value
	known    map[ssa.Value]resolved
	// partial is set where own code was left out because it does not type-check: what it hands on is not known.
	partial bool
}

type resolved struct {
	channels []*Channel
	exact    bool
	onlyNil  bool
}

func newChannelResolver(p *program.Program) *channelResolver {
	r := &channelResolver{p: p, partial: p.SomeHalfRead(), made: make(map[*ssa.MakeChan]*Channel),
		elements: make(map[string][]ssa.Value), known: make(map[ssa.Value]resolved)}
	inits := make(map[*ssa.Package]bool)
	for _, fn := range p.Funcs {
		r.index(fn)
		if fn.Pkg != nil && !inits[fn.Pkg] {
			inits[fn.Pkg] = true
			if init := fn.Pkg.Func("init"); init != nil {
				r.index(init)
			}
		}
	}
	return r
}

// index notes the makes and the channels put into containers.
func (r *channelResolver) index(fn *ssa.Function) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.MakeChan:
				c := &Channel{Make: x}
				c.Capacity, c.Known = r.capacity(x.Size)
				r.made[x] = c
				r.all = append(r.all, c)
			case *ssa.MapUpdate:
				r.element(x.Key)
				r.element(x.Value)
			case *ssa.Send:
				r.element(x.X)
			case *ssa.Store:
				if _, ok := x.Addr.(*ssa.IndexAddr); ok {
					r.element(x.Val)
				}
			case *ssa.Select:
				for _, st := range x.States {
					if st.Send != nil {
						r.element(st.Send)
					}
				}
			}
		}
	}
}

func (r *channelResolver) element(v ssa.Value) {
	if isChannel(v.Type()) {
		key := elementKey(v.Type())
		r.elements[key] = append(r.elements[key], v)
	}
}

func elementKey(t types.Type) string {
	return types.TypeString(t.Underlying().(*types.Chan).Elem(), nil)
}

// capacity evaluates the size of a make: known when all its sources agree on one constant.
func (r *channelResolver) capacity(size ssa.Value) (int64, bool) {
	n, ok := int64(-1), false
	for _, src := range r.p.Sources(size).Values {
		c, isConst := src.(*ssa.Const)
		if !isConst || c.Value == nil || c.Value.Kind() != constant.Int {
			return 0, false
		}
		if ok && c.Int64() != n {
			return 0, false
		}
		n, ok = c.Int64(), true
	}
	return n, ok
}

// resolve returns the channels that v can be.
func (r *channelResolver) resolve(v ssa.Value) resolved {
	if known, ok := r.known[v]; ok {
		return known
	}
	out := resolved{exact: true}
	r.known[v] = out
	seen := make(map[*Channel]bool)
	var nils, others int
	sources := r.p.Sources(v)
	out.exact = !sources.Partial
	for _, src := range sources.Values {
		switch x := src.(type) {
		case *ssa.MakeChan:
			others++
			out.add(r.made[x], seen)
		case *ssa.Const:
			nils++
		default:
			others++
			out.exact = false
			if !isElement(src) || !isChannel(src.Type()) {
				continue
			}
			for _, put := range r.elements[elementKey(src.Type())] {
				for _, from := range r.p.Sources(put).Values {
					if made, ok := from.(*ssa.MakeChan); ok {
						out.add(r.made[made], seen)
					}
				}
			}
		}
	}
	out.onlyNil = nils > 0 && others == 0 && out.exact && !r.partial
	r.known[v] = out
	return out
}

func (out *resolved) add(c *Channel, seen map[*Channel]bool) {
	if c != nil && !seen[c] {
		seen[c] = true
		out.channels = append(out.channels, c)
	}
}

// isElement tells whether v was taken out of a map, a slice, an array or a channel.
func isElement(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.Lookup, *ssa.Index:
		return true
	case *ssa.UnOp:
		if x.Op == token.ARROW {
			return true
		}
		_, indexed := x.X.(*ssa.IndexAddr)
		return indexed
	case *ssa.Extract:
		switch tuple := x.Tuple.(type) {
		case *ssa.Next, *ssa.Select, *ssa.Lookup:
			return true
		case *ssa.UnOp:
			return tuple.Op == token.ARROW
		}
	}
	return false
}
