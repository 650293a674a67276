// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// Skip tells why the edits of a finding were not made.
type Skip struct {
	// ID is the finding's.
	ID string
	// Reason is a clause for the reader: what is in the way, and what to do about it.
	Reason string
}

// selection is the set of findings whose edits can be made together.
type selection struct {
	applied []string
	skipped []Skip
	// edits are those of the applied findings, each once, and sources the files they change, both by file.
	edits   map[string][]finding.Edit
	sources map[string][]byte
}

// choose takes findings in the order of their first edit, and leaves out those whose edits cannot be made: because
// the file cannot be used (open says why), because they overlap an edit already taken, or because the result would not
// parse. Findings without edits are passed over.
func choose(findings []finding.Finding, open func(file string) ([]byte, error)) *selection {
	s := &selection{edits: make(map[string][]finding.Edit), sources: make(map[string][]byte)}
	var withEdits []finding.Finding
	for _, f := range findings {
		if len(f.Fix.Edits) > 0 {
			f.Fix.Edits = slices.Clone(f.Fix.Edits)
			slices.SortStableFunc(f.Fix.Edits, compareEdits)
			withEdits = append(withEdits, f)
		}
	}
	slices.SortStableFunc(withEdits, func(a, b finding.Finding) int {
		return cmp.Or(compareEdits(a.Fix.Edits[0], b.Fix.Edits[0]), strings.Compare(a.ID, b.ID))
	})
	for _, f := range withEdits {
		if err := s.take(f, open); err != nil {
			s.skipped = append(s.skipped, Skip{f.ID, err.Error()})
		} else {
			s.applied = append(s.applied, f.ID)
		}
	}
	return s
}

// take adds all edits of a finding, or none and says why.
func (s *selection) take(f finding.Finding, open func(file string) ([]byte, error)) error {
	files, of := byFile(f.Fix.Edits)
	merged := make(map[string][]finding.Edit)
	for _, file := range files {
		if err := s.open(file, open); err != nil {
			return err
		}
		if _, err := splice(s.sources[file], of[file]); err != nil {
			return err
		}
		edits, err := merge(s.edits[file], of[file])
		if err != nil {
			return err
		}
		if _, err := Rewrite(file, s.sources[file], edits); err != nil {
			return err
		}
		merged[file] = edits
	}
	for _, file := range files {
		s.edits[file] = merged[file]
	}
	return nil
}

// open reads a file once. Two spellings of one file would be two files here, so only the clean one is taken.
func (s *selection) open(file string, open func(file string) ([]byte, error)) error {
	if _, ok := s.sources[file]; ok {
		return nil
	}
	if file == "" || path.Clean(file) != file {
		return fmt.Errorf("%q is not the clean name of a file", file)
	}
	src, err := open(file)
	if err != nil {
		return err
	}
	s.sources[file] = src
	return nil
}

// merge adds the edits of one finding to those taken of the same file. An edit that was taken already is shared: two
// findings may add the same import.
func merge(taken, edits []finding.Edit) ([]finding.Edit, error) {
	out := slices.Clone(taken)
	for _, e := range edits {
		if slices.ContainsFunc(taken, func(t finding.Edit) bool { return t.Start == e.Start && t.End == e.End && t.New == e.New }) {
			continue
		}
		for _, t := range taken {
			if overlap(t, e) {
				return nil, fmt.Errorf("its change of %s:%d overlaps another fix; review again to get it", e.File, e.Line)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// overlap tells whether two edits of a file cannot both be made in either order. Two insertions at one place are such:
// nobody said which comes first.
func overlap(a, b finding.Edit) bool {
	if a.Start == a.End && b.Start == b.End {
		return a.Start == b.Start
	}
	return a.Start < b.End && b.Start < a.End
}
