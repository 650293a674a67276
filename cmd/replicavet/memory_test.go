// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// TestGrowth checks that a small heap may grow to the roomy one, and that a large one is still collected: by the time it
// has doubled.
func TestGrowth(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{roomy / 4, 300},
		{roomy / 2, 100},
		{roomy, 100},
		{roomy + 1, 100},
		{100 * roomy, 100},
	} {
		if got := growth(c.live); got != c.want {
			t.Errorf("growth(%d) = %d, want %d", c.live, got, c.want)
		}
	}
	if got := growth(0); got <= 0 {
		t.Errorf("growth(0) = %d, which turns collections off", got)
	}
}
