// SPDX-License-Identifier: Apache-2.0

package load

import "testing"

func TestSummarise(t *testing.T) {
	var errs []Error
	for line := 1; line <= 6; line++ {
		errs = append(errs, Error{Kind: "type", Package: "a", File: "a.go", Line: line, Msg: "broken"})
	}
	errs = append(errs, Error{Kind: "load", Package: "b", Msg: "missing"}, Error{Kind: "type", Package: "c", Line: 1, Msg: "broken"})
	got := summarise(errs)
	if len(got) != 6 {
		t.Fatalf("%d rows, want 6: %v", len(got), got)
	}
	if want := "and 3 more type errors in this package, from here on"; got[3].Msg != want || got[3].Line != 4 {
		t.Errorf("row 4 is %v, want %q at line 4", got[3], want)
	}
	if got[4].Kind != "load" || got[5].Package != "c" {
		t.Errorf("the rows of other packages are %v", got[4:])
	}
}
