// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestReadRefusesOtherRows(t *testing.T) {
	for _, row := range []string{"a\tb\tc", "p\tc\tr\tf\t1\tF\tperhaps\twhy"} {
		if _, err := read(strings.NewReader(row)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: error %v, want one that names line 1", row, err)
		}
	}
}

// TestPageIsCurrent demands that docs/precision.md holds the tables of the judgements.
func TestPageIsCurrent(t *testing.T) {
	rows, err := readAll([]string{"../../docs/precision/judged.tsv"})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/precision.md")
	if err != nil {
		t.Fatal(err)
	}
	var byRule bytes.Buffer
	table(&byRule, "rule", rows, func(r judgement) string { return r.rule })
	if !strings.Contains(string(page), byRule.String()) {
		t.Errorf("docs/precision.md is not current: run `go run ./scripts/precision`")
	}
}
