// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/replicavet/replicavet/internal/finding"
)

// Result tells what Apply did.
type Result struct {
	// Applied are the ids of the findings whose edits were made, in order of their first edit.
	Applied []string
	// Skipped are the findings that have edits which were not made.
	Skipped []Skip
	// Files are the files that changed, sorted.
	Files []string
}

// Apply makes the edits of the findings in the files below root, where the names of the edits are relative to. Each
// finding gets all of its edits or none; where two of them want to change the same place, the one whose first edit
// comes first is served and the other is reported as skipped. So are findings whose file lies outside of root, is
// reached by a symbolic link, or is no longer what was reviewed: reviewed, which is not nil, returns the bytes of a
// file as the review saw them. Go files that were in gofmt's form stay in it.
//
// Every file is replaced at once and keeps its mode. An error means that nothing was changed, unless it says that a
// file could not be restored.
func Apply(root string, findings []finding.Finding, reviewed func(file string) ([]byte, error)) (Result, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return Result{}, fmt.Errorf("opening the directory to fix: %w", err)
	}
	defer dir.Close()
	chosen := choose(findings, func(file string) ([]byte, error) { return current(dir, file, reviewed) })
	changes, err := chosen.changes()
	if err != nil {
		return Result{}, err
	}
	if err := replace(dir, changes); err != nil {
		return Result{}, err
	}
	result := Result{Applied: chosen.applied, Skipped: chosen.skipped}
	for _, c := range changes {
		result.Files = append(result.Files, c.file)
	}
	return result, nil
}

// current returns the content of a regular file inside of dir, if it is what was reviewed.
func current(dir *os.Root, file string, reviewed func(file string) ([]byte, error)) ([]byte, error) {
	if err := plainPath(dir, file); err != nil {
		return nil, err
	}
	src, err := dir.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", file, err)
	}
	want, err := reviewed(file)
	if err != nil {
		return nil, fmt.Errorf("%s was not reviewed: %w", file, err)
	}
	if !bytes.Equal(src, want) {
		return nil, fmt.Errorf("%s has changed since the review; review again", file)
	}
	return src, nil
}

// plainPath refuses what is not a regular file, and every path with a symbolic link in it: it leads out of the tree, or
// to a file that has another name here.
func plainPath(dir *os.Root, file string) error {
	for i, r := range file + "/" {
		if r != '/' || i == 0 {
			continue
		}
		info, err := dir.Lstat(file[:i])
		if err != nil {
			return fmt.Errorf("%s cannot be changed: %w", file, err)
		}
		if i == len(file) && !info.Mode().IsRegular() || i < len(file) && !info.IsDir() {
			return fmt.Errorf("%s cannot be changed: %s is a link or no regular file", file, file[:i])
		}
	}
	return nil
}

// change is the new content of a file, and the old one to go back to.
type change struct {
	file     string
	old, new []byte
}

// changes returns what the edits chosen make of their files, sorted by file.
func (s *selection) changes() ([]change, error) {
	var out []change
	for file, edits := range s.edits {
		src := s.sources[file]
		fixed, err := Rewrite(file, src, edits)
		if err != nil {
			return nil, fmt.Errorf("making the edits: %w", err)
		}
		if !bytes.Equal(src, fixed) {
			out = append(out, change{file, src, fixed})
		}
	}
	slices.SortFunc(out, func(a, b change) int { return bytes.Compare([]byte(a.file), []byte(b.file)) })
	return out, nil
}

// replace puts all changes in place, or none: first every new content is written beside its file, then each takes the
// place of the old one. Should that fail half-way, the files already replaced get their old content back.
func replace(dir *os.Root, changes []change) error {
	var temps []string
	defer func() {
		for _, temp := range temps {
			dir.Remove(temp) // what is left here was never part of the tree
		}
	}()
	for _, c := range changes {
		temp, err := writeBeside(dir, c.file, c.new)
		if temp != "" {
			temps = append(temps, temp)
		}
		if err != nil {
			return fmt.Errorf("writing the fixed %s, nothing was changed: %w", c.file, err)
		}
	}
	for i, c := range changes {
		if err := dir.Rename(temps[i], c.file); err != nil {
			return errors.Join(fmt.Errorf("replacing %s: %w", c.file, err), restore(dir, changes[:i]))
		}
	}
	temps = nil
	return nil
}

// restore puts the old content of the files back. The error names those that are left changed.
func restore(dir *os.Root, changes []change) error {
	var errs []error
	for _, c := range changes {
		temp, err := writeBeside(dir, c.file, c.old)
		if err == nil {
			err = dir.Rename(temp, c.file)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s could not be restored and stays fixed: %w", c.file, err))
		}
	}
	return errors.Join(errs...)
}

// writeBeside writes content to a new file in the folder of file, with the mode of file, down to the disk. The name is
// returned as soon as the new file exists, also with an error.
func writeBeside(dir *os.Root, file string, content []byte) (temp string, err error) {
	info, err := dir.Stat(file)
	if err != nil {
		return "", err
	}
	name := file + "." + rand.Text() + ".tmp"
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	return name, errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
}
