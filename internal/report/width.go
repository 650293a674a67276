// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"unicode"
)

// wide are the scripts whose runes take two columns of a terminal.
var wide = []*unicode.RangeTable{unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana}

// width returns the columns that s takes in a terminal.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth returns 0 for combining marks, 2 for wide scripts, full-width forms and pictographs, else 1.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, wide...), r >= 0xFF01 && r <= 0xFF60, r >= 0x1F300 && r <= 0x1FAFF:
		return 2
	}
	return 1
}

// pad returns s with spaces added up to n columns.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// expand returns s with each tab made into spaces up to the next multiple of four columns.
func expand(s string) string {
	var b strings.Builder
	col := 0
	for _, r := range s {
		if r != '\t' {
			b.WriteRune(r)
			col += runeWidth(r)
			continue
		}
		n := 4 - col%4
		b.WriteString(strings.Repeat(" ", n))
		col += n
	}
	return b.String()
}

// wrap breaks s at spaces into lines of at most limit columns, as far as words allow. A limit of 0 or less never
// breaks.
func wrap(s string, limit int) []string {
	if limit <= 0 || width(s) <= limit {
		return []string{s}
	}
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(s) {
		n := width(word)
		if used > 0 && used+1+n > limit {
			lines = append(lines, line)
			line, used = "", 0
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	return append(lines, line)
}
