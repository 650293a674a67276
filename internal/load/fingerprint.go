// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Key returns a hash of all that decides what a review of cfg finds: every Go file of the modules under review and of
// those that replace others locally, built or not, the files that choose dependencies, the go command and its settings,
// and salt, which stands for the reviewer itself and its configuration. It runs no command where the go command's
// version can be read from its installation. The contents of downloaded and vendored modules are taken to be what
// go.sum and modules.txt say.
func Key(ctx context.Context, cfg Config, salt string) (string, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return "", err
	}
	return fingerprint(ctx, cfg, salt, func(src []byte) []byte { return src })
}

// goSettings are the variables that change what the go command lists, or how code is read.
var goSettings = []string{"GOFLAGS", "GOWORK", "GOOS", "GOARCH", "CGO_ENABLED", "GO111MODULE", "GOEXPERIMENT",
	"GOROOT", "GOPATH", "GOMODCACHE", "GOENV", "GODEBUG", "GO386", "GOAMD64", "GOARM", "GOARM64"}

// Settings describes the go command that is used for cfg and what it is told by the environment.
func Settings(ctx context.Context, cfg Config) (string, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return "", err
	}
	toolchain, err := toolchain(ctx, cfg)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range goSettings {
		fmt.Fprintf(&b, "%s=%q\n", name, getenv(cfg.Env, name))
	}
	fmt.Fprintf(&b, "%q", toolchain)
	return b.String(), nil
}

// fingerprint hashes the inputs of a review, and of each Go file what part returns.
func fingerprint(ctx context.Context, cfg Config, salt string, part func(src []byte) []byte) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "load 1\n%q\n%q\n%q\n%q\n%t\n", salt, cfg.Dir, cfg.Patterns, cfg.Tags, cfg.Tests)
	settings, err := Settings(ctx, cfg)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(h, settings)
	files, err := inputs(cfg)
	if err != nil {
		return "", fmt.Errorf("looking for the files under review: %w", err)
	}
	for i, sum := range hashFiles(files, cfg.Jobs, part) {
		fmt.Fprintf(h, "%q %s\n", files[i], sum)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// toolchain identifies the go command and what `go env -w` has set.
func toolchain(ctx context.Context, cfg Config) (string, error) {
	root := getenv(cfg.Env, "GOROOT")
	if path, err := exec.LookPath("go"); err != nil {
		return "", errNoGo(err)
	} else if path, err = filepath.EvalSymlinks(path); err == nil && root == "" {
		root = filepath.Dir(filepath.Dir(path))
	}
	// A wrapper of the go command, or one built from a development tree, has no such file and has to be asked.
	version, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if err != nil {
		cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOROOT")
		cmd.Dir, cmd.Env = cfg.Dir, cfg.Env
		if version, err = cmd.Output(); err != nil {
			return "", fmt.Errorf("asking for the version of the go command: %w", err)
		}
	}
	settings := getenv(cfg.Env, "GOENV")
	if settings == "" {
		if dir, err := os.UserConfigDir(); err == nil {
			settings = filepath.Join(dir, "go", "env")
		}
	}
	written, _ := os.ReadFile(settings) // most users have none
	return fmt.Sprintf("%s\n%s\n%s", root, version, written), nil
}

// hashFiles returns the hash of each file, in order, or a word for one that can't be read.
func hashFiles(files []string, jobs int, part func(src []byte) []byte) []string {
	sums := make([]string, len(files))
	next := make(chan int)
	var all sync.WaitGroup
	for range jobs {
		all.Go(func() {
			var buf bytes.Buffer
			for i := range next {
				sums[i] = hashFile(files[i], &buf, part)
			}
		})
	}
	for i := range files {
		next <- i
	}
	close(next)
	all.Wait()
	return sums
}

// hashFile returns the hash of what part returns of a Go file, or of all of another file.
func hashFile(path string, buf *bytes.Buffer, part func(src []byte) []byte) string {
	buf.Reset()
	if err := readFile(path, buf); err != nil {
		return "unreadable"
	}
	data := buf.Bytes()
	if strings.HasSuffix(path, ".go") {
		data = part(data)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
