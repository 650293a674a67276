// SPDX-License-Identifier: Apache-2.0

package review

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// git runs a git command in dir and returns what it printed, without the last newline.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.Join(strings.FieldsFunc(errs.String(), func(r rune) bool { return r == '\n' }), "; "))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// unpack writes the tree of a commit below dir. Neither the index nor the work tree of the repository is touched.
func unpack(ctx context.Context, top, commit, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpacking the old tree: %w", err)
	}
	defer root.Close()
	cmd := exec.CommandContext(ctx, "git", "archive", "--format=tar", commit)
	cmd.Dir = top
	archive, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("git archive: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("git archive: %w", err)
	}
	err = untar(root, archive)
	// Drained, so that git ends by itself when unpacking stopped half-way.
	_, drained := io.Copy(io.Discard, archive)
	if err := errors.Join(err, drained, cmd.Wait()); err != nil {
		return fmt.Errorf("unpacking the old tree: %w", err)
	}
	return nil
}

// untar writes the regular files and directories of an archive below root, and links that stay below it: os.Root
// refuses to follow others.
func untar(root *os.Root, archive io.Reader) error {
	in := tar.NewReader(archive)
	for {
		h, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeReg:
			err = writeFile(root, name, in)
		case tar.TypeSymlink:
			err = root.Symlink(h.Linkname, name)
		}
		if err != nil {
			return err
		}
	}
}

func writeFile(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
