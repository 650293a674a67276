// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"fmt"
	"strings"
	"testing"

	"github.com/replicavet/replicavet/internal/finding"
)

// patch applies a unified diff of one file to its lines: the reader of a diff, written apart from its writer.
func patch(src, diff string) (string, error) {
	lines := strings.SplitAfter(src, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	var out []string
	at := 0
	rest := strings.SplitAfter(diff, "\n")
	for i := 0; i < len(rest); i++ {
		line := rest[i]
		if i < 2 || line == "" {
			continue
		}
		if strings.HasPrefix(line, "@@ ") {
			var from, gone, to, come int
			if _, err := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &from, &gone, &to, &come); err != nil {
				return "", err
			}
			if gone > 0 {
				from--
			}
			out = append(out, lines[at:from]...)
			at = from
			continue
		}
		text := line[1:]
		if i+1 < len(rest) && strings.HasPrefix(rest[i+1], "\\ ") {
			text = strings.TrimSuffix(text, "\n")
		}
		switch line[0] {
		case '\\':
		case '+':
			out = append(out, text)
		case ' ', '-':
			if at >= len(lines) || lines[at] != text {
				return "", fmt.Errorf("line %d is not %q", at+1, text)
			}
			if line[0] == ' ' {
				out = append(out, text)
			}
			at++
		default:
			return "", fmt.Errorf("not a line of a diff: %q", line)
		}
	}
	return strings.Join(append(out, lines[at:]...), ""), nil
}

// Whatever the edits: the diff, applied to the source, gives what the edits give; and edits that are refused by one are
// refused by the other.
func FuzzDiff(f *testing.F) {
	f.Add("one\ntwo\nthree\n", 4, 7, "2", 0, 0, "zero\n")
	f.Add("no newline", 2, 2, "\n", 10, 10, "\n")
	f.Add("", 0, 0, "a", 0, 0, "b")
	f.Add("-- a\n++ b\n@@ c\n\\ d\n", 0, 5, "++ x\n", 5, 10, "")
	f.Add("a\r\nb\r\n", 0, 3, "", 3, 6, "c")
	f.Fuzz(func(t *testing.T, src string, start, end int, new string, start2, end2 int, new2 string) {
		edits := []finding.Edit{{File: "f", Start: start, End: end, New: new}, {File: "f", Start: start2, End: end2, New: new2}}
		want, refused := splice([]byte(src), edits)
		diff, err := Diff(edits, func(string) ([]byte, error) { return []byte(src), nil })
		if (err == nil) != (refused == nil) {
			t.Fatalf("splice: %v, Diff: %v", refused, err)
		}
		if err != nil {
			return
		}
		got, err := patch(src, diff)
		if err != nil || got != string(want) {
			t.Errorf("patched %q with\n%s\nerror %v, got %q, want %q", src, diff, err, got, want)
		}
	})
}

// Two edits that merge takes from different findings give the same text in both orders.
func FuzzMerge(f *testing.F) {
	f.Add("abcdef", 0, 1, "x", 1, 2, "y")
	f.Add("abcdef", 2, 2, "x", 2, 4, "y")
	f.Add("abcdef", 2, 2, "x", 2, 2, "x")
	f.Fuzz(func(t *testing.T, src string, start, end int, new string, start2, end2 int, new2 string) {
		a := []finding.Edit{{File: "f", Start: start, End: end, New: new}}
		b := []finding.Edit{{File: "f", Start: start2, End: end2, New: new2}}
		for _, e := range [][]finding.Edit{a, b} {
			if _, err := splice([]byte(src), e); err != nil {
				return
			}
		}
		ab, err1 := merge(a, b)
		ba, err2 := merge(b, a)
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("merge depends on the order: %v, %v", err1, err2)
		}
		if err1 != nil {
			return
		}
		one, err1 := splice([]byte(src), ab)
		two, err2 := splice([]byte(src), ba)
		if err1 != nil || err2 != nil || string(one) != string(two) {
			t.Errorf("%q and %q, errors %v, %v", one, two, err1, err2)
		}
	})
}
