// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/replicavet/replicavet/internal/finding"
)

// A stored review is shown elsewhere as it was shown beside the code.
func TestStored(t *testing.T) {
	for _, name := range reviews(t) {
		r, source := read(t, name)
		var kept bytes.Buffer
		if err := encode(&kept, r, rules, Options{Source: source}); err != nil {
			t.Fatal(err)
		}
		stored, err := finding.Decode(&kept)
		if err != nil {
			t.Fatal(err)
		}
		away := Stored(stored, func(string) ([]byte, error) { return nil, errors.New("no such file here") })
		for _, f := range Formats() {
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				want := render(t, f.Name, r, Options{Source: source})
				if diff := cmp.Diff(want, render(t, f.Name, stored, Options{Source: away})); diff != "" {
					t.Errorf("beside the code and away from it (-beside +away):\n%s", diff)
				}
			})
		}
	}
}

// Excerpts keep the number and the offset of their lines, whatever was left out between them.
func TestSparse(t *testing.T) {
	data := "package a\r\n\nfunc f() {\n\tg()\n}\n\nfunc h() {}"
	kept := runs("a.go", data, map[int]bool{3: true, 4: true, 7: true})
	got := string(sparse(kept))
	lines, want := strings.Split(got, "\n"), strings.Split(data, "\n")
	for _, n := range []int{3, 4, 7} {
		if lines[n-1] != want[n-1] {
			t.Errorf("line %d is %q, not %q", n, lines[n-1], want[n-1])
		}
	}
	if at := strings.Index(data, "func h"); strings.Index(got, "func h") != at {
		t.Errorf("func h is at %d, not at %d", strings.Index(got, "func h"), at)
	}
}

// What no file can be is left out, and nobody's memory is filled with it.
func TestSparseDoubts(t *testing.T) {
	for _, e := range []finding.Excerpt{
		{File: "a", Line: 1, Offset: 1 << 60, Text: "x"},
		{File: "a", Line: 1 << 60, Offset: 5, Text: "x"},
		{File: "a", Line: -1, Offset: -1, Text: "x"},
	} {
		if got := sparse([]finding.Excerpt{e}); len(got) > 0 {
			t.Errorf("%+v gives %d bytes", e, len(got))
		}
	}
}
