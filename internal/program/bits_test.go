// SPDX-License-Identifier: Apache-2.0

package program

import (
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestFlow compares what all starting points lead to with a walk from each of them, over graphs with circles.
func TestFlow(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		nodes := 2 + random.IntN(150)
		next := make([][]int, nodes)
		for range random.IntN(3 * nodes) {
			from := random.IntN(nodes)
			next[from] = append(next[from], random.IntN(nodes))
		}
		f := newFlow(nodes, nodes)
		for node := range nodes {
			f.start(node, node)
		}
		f.run(downwards(nodes, func(node int) iter.Seq[int] { return slices.Values(next[node]) }), func(node int) {
			for _, to := range next[node] {
				f.join(to, f.rows[node])
			}
		})
		for start := range nodes {
			reached := newBitset(nodes)
			for work := []int{start}; len(work) > 0; work = work[1:] {
				if !reached.has(work[0]) {
					reached.put(work[0])
					work = append(work, next[work[0]]...)
				}
			}
			for node := range nodes {
				if f.rows[node].has(start) != reached.has(node) {
					t.Fatalf("%d leads to %d: %v, want %v, over %v", start, node, f.rows[node].has(start), reached.has(node), next)
				}
			}
		}
	}
}

func TestDownwards(t *testing.T) {
	next := [][]int{1: {4}, 2: {1, 3}, 3: {4}, 4: nil}
	order := downwards(5, func(node int) iter.Seq[int] { return slices.Values(next[node]) })
	for from, all := range next {
		for _, to := range all {
			if slices.Index(order, from) > slices.Index(order, to) {
				t.Errorf("%d comes after %d, which it leads to: %v", from, to, order)
			}
		}
	}
}
