// SPDX-License-Identifier: Apache-2.0

// Package fix turns the edits of findings into a diff or into changed files. The edits of one finding are applied
// together or not at all, and a file is replaced as a whole or not at all. The package knows nothing of rules.
package fix

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"path"
	"slices"

	"github.com/replicavet/replicavet/internal/finding"
)

// compareEdits orders edits by place. Insertions at one offset keep the order they were given in.
func compareEdits(a, b finding.Edit) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
}

// splice returns src with the edits of one file made. It is an error for an edit to lie outside of src or to overlap
// another one.
func splice(src []byte, edits []finding.Edit) ([]byte, error) {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, compareEdits)
	var out bytes.Buffer
	done := 0
	for _, e := range sorted {
		if e.Start < 0 || e.End < e.Start || e.End > len(src) {
			return nil, fmt.Errorf("edit of bytes %d to %d of %s: the file has %d bytes", e.Start, e.End, e.File, len(src))
		}
		if e.Start < done {
			return nil, fmt.Errorf("edit of bytes %d to %d of %s overlaps the edit before it", e.Start, e.End, e.File)
		}
		out.Write(src[done:e.Start])
		out.WriteString(e.New)
		done = e.End
	}
	out.Write(src[done:])
	return out.Bytes(), nil
}

// Rewrite returns what the edits, all of one file, make of its content src. A Go file that was in gofmt's form stays
// in it; one that was not keeps its own, so that a fix never changes lines it is not about. It is an error for an edit
// to lie outside of src or to overlap another one, and for the result not to parse.
func Rewrite(file string, src []byte, edits []finding.Edit) ([]byte, error) {
	out, err := splice(src, edits)
	if err != nil || path.Ext(file) != ".go" {
		return out, err
	}
	formatted, err := format.Source(out)
	if err != nil {
		return nil, fmt.Errorf("the fixed %s does not parse: %w", file, err)
	}
	if before, err := format.Source(src); err != nil || !bytes.Equal(before, src) {
		return out, nil
	}
	return formatted, nil
}

// byFile groups edits by the file they change. The files are sorted; the edits of a file keep their order.
func byFile(edits []finding.Edit) (files []string, of map[string][]finding.Edit) {
	of = make(map[string][]finding.Edit)
	for _, e := range edits {
		if _, ok := of[e.File]; !ok {
			files = append(files, e.File)
		}
		of[e.File] = append(of[e.File], e)
	}
	slices.Sort(files)
	return files, of
}
