// SPDX-License-Identifier: Apache-2.0

package program

import (
	"iter"
	"math/bits"
)

// bitset is a set of small numbers. A nil one is empty.
type bitset []uint64

// newBitset makes a set for the numbers below n.
func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) put(i int) { b[i/64] |= 1 << (i % 64) }

func (b bitset) drop(i int) { b[i/64] &^= 1 << (i % 64) }

// join adds the members of another set and tells whether some are new.
func (b bitset) join(more bitset) (changed bool) {
	var fresh uint64
	for w, word := range more {
		fresh |= word &^ b[w]
		b[w] |= word
	}
	return fresh != 0
}

// meets tells whether two sets have a member in common.
func (b bitset) meets(other bitset) bool {
	for w := range min(len(b), len(other)) {
		if b[w]&other[w] != 0 {
			return true
		}
	}
	return false
}

// all iterates over the members in order.
func (b bitset) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for w, word := range b {
			for ; word != 0; word &= word - 1 {
				if !yield(64*w + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// flow carries sets over the edges of a graph, from node to node, until nothing changes: what thousands of starting points
// lead to is found for all of them at once, at the cost of a few walks over the graph.
type flow struct {
	rows  []bitset // by node; nil is empty
	size  int      // of a set
	dirty bitset   // the nodes whose set has changed since it was carried on
}

func newFlow(nodes, size int) *flow {
	return &flow{rows: make([]bitset, nodes), size: size, dirty: newBitset(nodes)}
}

// row returns the set of a node, to be changed.
func (f *flow) row(node int) bitset {
	if f.rows[node] == nil {
		f.rows[node] = newBitset(f.size)
	}
	return f.rows[node]
}

// start puts a number into the set of a node.
func (f *flow) start(node, number int) {
	f.row(node).put(number)
	f.dirty.put(node)
}

// join adds a set to that of a node.
func (f *flow) join(node int, more bitset) {
	if len(more) > 0 && f.row(node).join(more) {
		f.dirty.put(node)
	}
}

// joinWhere adds those members of a set to that of a node which one of two others has as well.
func (f *flow) joinWhere(node int, more, one, other bitset) {
	both := newBitset(f.size)
	for w, word := range more {
		if w < len(one) {
			both[w] = word & one[w]
		}
		if w < len(other) {
			both[w] |= word & other[w]
		}
	}
	f.join(node, both)
}

// run carries on the sets of the nodes that have changed, again and again in the given order, by what step does for one.
func (f *flow) run(order []int, step func(node int)) {
	for again := true; again; {
		again = false
		for _, node := range order {
			if f.dirty.has(node) {
				f.dirty.drop(node)
				again = true
				step(node)
			}
		}
	}
}

// downwards orders the nodes of a graph so that each comes before those that it leads to, as far as the graph has no
// circles.
func downwards(nodes int, next func(node int) iter.Seq[int]) []int {
	order := make([]int, 0, nodes)
	seen := newBitset(nodes)
	var visit func(node int)
	visit = func(node int) {
		seen.put(node)
		for to := range next(node) {
			if !seen.has(to) {
				visit(to)
			}
		}
		order = append(order, node)
	}
	for node := range nodes {
		if !seen.has(node) {
			visit(node)
		}
	}
	for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
		order[i], order[j] = order[j], order[i]
	}
	return order
}
