// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// listFields are the fields asked of `go list`. Neither -export nor -compiled is ever given: both run the compiler.
const listFields = "ImportPath,Name,Dir,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles," +
	"Imports,TestImports,XTestImports,ImportMap,Standard,DepOnly,ForTest,Module,Error"

// listed is a package as `go list` describes it.
type listed struct {
	ImportPath   string
	Name         string
	Dir          string
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	ImportMap    map[string]string
	Standard     bool
	DepOnly      bool
	ForTest      string
	Module       *listedModule
	Error        *listedError
}

// listedModule is the module of a listed package.
type listedModule struct {
	Path      string
	Version   string
	Dir       string
	GoVersion string
	Main      bool
	Replace   *listedModule
}

// listedError is why a package could not be listed. Pos is "file:line:col" of the import, when known.
type listedError struct {
	ImportStack []string
	Pos         string
	Err         string
}

// goList runs `go list`. What is wrong with single packages is in their Error; the error returned is for what keeps the
// command from listing anything, and holds its message; without a go command it is a [*SetupError].
func goList(ctx context.Context, cfg Config, r request) ([]*listed, error) {
	args := []string{"list", "-e", "-deps", "-json=" + listFields}
	if cfg.Tests {
		args = append(args, "-test")
	}
	if cfg.Tags != "" {
		args = append(args, "-tags="+cfg.Tags)
	}
	if len(cfg.Overlay) > 0 {
		name, remove, err := overlayFile(cfg.Overlay)
		if err != nil {
			return nil, err
		}
		defer remove()
		args = append(args, "-overlay="+name)
	}
	args = append(append(args, "--"), r.patterns...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.dir
	cmd.Env = append(slices.Clip(cfg.Env), "PWD="+r.dir)
	if r.work != "" {
		cmd.Env = append(cmd.Env, "GOWORK="+r.work)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.As(err, &exit):
			return nil, errNoGo(err)
		}
		return nil, errors.New(strings.TrimSpace(stderr.String()))
	}
	return decodeList(&stdout)
}

// decodeList reads the concatenated JSON objects that `go list -json` prints. The synthetic packages of -test are
// left out: test files are put together here, from the file lists of the plain package.
func decodeList(r io.Reader) ([]*listed, error) {
	var pkgs []*listed
	for d := json.NewDecoder(r); ; {
		p := new(listed)
		if err := d.Decode(p); err == io.EOF {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the output of go list: %w", err)
		}
		if p.ForTest == "" && !p.isTestMain() {
			pkgs = append(pkgs, p)
		}
	}
}

// isTestMain tells whether p is the main package of a test binary, whose only file is generated in the build cache.
func (p *listed) isTestMain() bool {
	return strings.HasSuffix(p.ImportPath, ".test") && slices.ContainsFunc(p.GoFiles, filepath.IsAbs)
}
