// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// Change is what fixes make of a file.
type Change struct {
	File     string
	Old, New []byte
}

// Make makes the edits of findings without writing anything: it returns what becomes of the files, sorted, the ids of
// the findings whose edits were made, and those that have edits which were not made. As in Apply each finding gets all
// of its edits or none. read returns the contents of a file; its error is the reason to leave out a finding.
func Make(findings []finding.Finding, read func(file string) ([]byte, error)) (changes []Change, applied []string, skipped []Skip, err error) {
	chosen := choose(findings, read)
	made, err := chosen.changes()
	for _, c := range made {
		changes = append(changes, Change{c.file, c.old, c.new})
	}
	return changes, chosen.applied, chosen.skipped, err
}

// Write puts changes in place below root, all or none. It is an error, and nothing is written, when a file is no longer
// what the change was made from, or when it is no regular file inside of root.
func Write(root string, changes []Change) error {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("opening the directory to fix: %w", err)
	}
	defer dir.Close()
	var made []change
	var errs []error
	for _, c := range changes {
		_, err := current(dir, c.File, func(string) ([]byte, error) { return c.Old, nil })
		errs = append(errs, err)
		made = append(made, change{c.File, c.Old, c.New})
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return replace(dir, made)
}

// Unified returns the changes as a unified diff, as Diff does.
func Unified(changes []Change) string {
	var out strings.Builder
	for _, c := range changes {
		if !bytes.Equal(c.Old, c.New) {
			out.Write(unified(c.File, c.Old, c.New))
		}
	}
	return out.String()
}
