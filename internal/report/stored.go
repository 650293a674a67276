// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// encode renders the review as its own JSON, with the lines that the other formats quote: a review is stored to be
// shown elsewhere.
func encode(w io.Writer, r *finding.Review, _ []Rule, o Options) error {
	stored := *r
	if stored.Excerpts == nil {
		stored.Excerpts = excerpts(r, newSources(o))
	}
	return stored.Encode(w)
}

// Stored returns the Source of a stored review: the lines that were stored with it, each in its place, and nothing
// where the others were. A file of which none was stored is asked from tree.
func Stored(r *finding.Review, tree func(file string) ([]byte, error)) func(file string) ([]byte, error) {
	of := make(map[string][]finding.Excerpt)
	for _, e := range r.Excerpts {
		of[e.File] = append(of[e.File], e)
	}
	return func(file string) ([]byte, error) {
		if kept := of[file]; len(kept) > 0 {
			return sparse(kept), nil
		}
		return tree(file)
	}
}

// sparse makes a file of its excerpts, which come in order. What lies between them is filled so that each line keeps
// its number and each byte its offset; excerpts that no file can have are left out.
func sparse(kept []finding.Excerpt) []byte {
	var out bytes.Buffer
	line := 1
	for _, e := range kept {
		bytesLeft, linesLeft := e.Offset-out.Len(), e.Line-line
		if linesLeft < 0 || bytesLeft < linesLeft || bytesLeft > maxGap {
			continue
		}
		out.WriteString(strings.Repeat(" ", bytesLeft-linesLeft))
		out.WriteString(strings.Repeat("\n", linesLeft))
		out.WriteString(e.Text)
		line = e.Line + strings.Count(e.Text, "\n")
	}
	return out.Bytes()
}

// maxGap is the largest source file that there may be; a stored review that speaks of a larger one is not believed.
const maxGap = 64 << 20

// excerpts returns the lines that reports quote, by file and line. A file that a fix changes is kept whole: what the fix
// makes of it is only known from all of it.
func excerpts(r *finding.Review, src *sources) []finding.Excerpt {
	quoted := make(map[string]map[int]bool)
	quote := func(file string, first, last int) {
		if quoted[file] == nil {
			quoted[file] = make(map[int]bool)
		}
		for n := max(first, 1); n <= last; n++ {
			quoted[file][n] = true
		}
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		quote(f.File, f.Line-linesBefore, max(f.Line+linesAfter, min(f.EndLine, f.Line+linesInside)))
		quote(f.File, f.EndLine, f.EndLine)
		for _, at := range f.Related {
			quote(at.File, at.Line, at.Line)
		}
		for _, at := range f.Scenario.Steps {
			quote(at.File, at.Line, at.Line)
		}
		for _, e := range f.Fix.Edits {
			quote(e.File, 1, len(src.of(e.File)))
		}
	}
	out := []finding.Excerpt{}
	for _, file := range slices.Sorted(maps.Keys(quoted)) {
		data, err := src.content(file)
		if err != nil {
			continue
		}
		out = append(out, runs(file, string(data), quoted[file])...)
	}
	return out
}

// runs cuts the wanted lines out of a file, neighbours together.
func runs(file, data string, wanted map[int]bool) []finding.Excerpt {
	var out []finding.Excerpt
	number, offset := 1, 0
	for line := range strings.Lines(data) {
		switch last := len(out) - 1; {
		case !wanted[number]:
		case wanted[number-1]:
			out[last].Text += line
		default:
			out = append(out, finding.Excerpt{File: file, Line: number, Offset: offset, Text: line})
		}
		number++
		offset += len(line)
	}
	return out
}
