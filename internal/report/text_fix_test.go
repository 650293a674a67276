// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"testing"
)

// A line that moves is shown with what it moves past, and without what stands around.
func TestChangedLines(t *testing.T) {
	diff := "--- a/a.go\n+++ b/a.go\n@@ -1,5 +1,5 @@\n before\n-moves\n stays\n+moves\n after\n end\n"
	want := []fixLine{{'-', "moves"}, {' ', "stays"}, {'+', "moves"}}
	if got := changedLines(diff); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
