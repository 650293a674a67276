// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/replicavet/replicavet/internal/finding"
)

// Diff returns the unified diff that making the edits amounts to, file by file in order of their names, as patch -p1
// and git apply read it. It shows what Apply would write, gofmt included. Edits that change nothing give "".
func Diff(edits []finding.Edit, read func(file string) ([]byte, error)) (string, error) {
	files, of := byFile(edits)
	var out strings.Builder
	for _, file := range files {
		src, err := read(file)
		if err != nil {
			return "", fmt.Errorf("reading %s to show its fix: %w", file, err)
		}
		fixed, err := Rewrite(file, src, of[file])
		if err != nil {
			return "", fmt.Errorf("showing the fix: %w", err)
		}
		out.Write(unified(file, src, fixed))
	}
	return out.String(), nil
}

// unified returns the diff of one file, without the "diff" line that git apply takes for the header of its own form.
func unified(file string, old, new []byte) []byte {
	text := diff.Diff(name("a/"+file), old, name("b/"+file), new)
	_, hunks, _ := bytes.Cut(text, []byte("\n"))
	return hunks
}

// name quotes a file name that would break the line it stands in, as git does.
func name(file string) string {
	if strings.ContainsFunc(file, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }) {
		return strconv.Quote(file)
	}
	return file
}
