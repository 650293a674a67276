// SPDX-License-Identifier: Apache-2.0

// Package load reads the Go code under review: every module of a repository or workspace as typed syntax, in one type
// universe, with dependencies as types without function bodies. Nothing is compiled and nothing of the reviewed code
// runs. The package knows nothing of Kubernetes.
package load

import (
	"cmp"
	"context"
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Config says what to read.
type Config struct {
	// Dir is the directory that is reviewed; patterns and the paths in findings are relative to it.
	Dir string
	// Patterns are package patterns as `go list` takes them; none means ./... of every module found under Dir.
	Patterns []string
	// Tags is the comma-separated list of build tags.
	Tags string
	// Tests includes the _test.go files of own packages: they join their package, and external test packages stand for
	// themselves. Where test files import one another's packages in a circle, the package with its test files is a
	// variant that is reviewed, and importers have the plain package, which is among Deps then.
	Tests bool
	// Jobs bounds the work done at once; 0 means GOMAXPROCS.
	Jobs int
	// Env is the environment for the go command; nil means the process's own.
	Env []string
	// Overlay has the contents of existing files that differ from those on the disk, by absolute path with symlinks
	// resolved: a fix to be tried, a buffer to be saved.
	Overlay map[string][]byte
	// Cache, when not nil, keeps for the next run what the go command listed, and the types of dependencies.
	Cache *Store
	// Progress, when not nil, is told the name of each phase as it begins.
	Progress func(phase string)
}

// Code is what was read.
type Code struct {
	// Root is the absolute path of Config.Dir, symlinks resolved.
	Root    string
	Fset    *token.FileSet
	Modules []Module
	// Packages are the own packages, those of the modules under Root, with full syntax, sorted by path.
	Packages []*Package
	// Deps are the other packages that types in own code come from, by path: the types that others can see, without
	// function bodies. What dependencies import for their own use only is left out.
	Deps map[string]*types.Package
	// Errors are what could not be read, sorted. Code holds the rest all the same.
	Errors []Error
}

// Module is a module of the reviewed tree.
type Module struct {
	Path string
	// Dir is the module's absolute directory.
	Dir string
	// GoVersion is the go line of its go.mod, as "1.22" or "1.22.3"; it may be empty.
	GoVersion string
}

// Package is an own package: typed syntax of all its files.
type Package struct {
	Path   string
	Name   string
	Dir    string
	Module *Module
	Files  []*File
	Types  *types.Package
	Info   *types.Info
	// DepOnly is set when no pattern names the package: own code that is named imports it.
	DepOnly bool
	// IllTyped is set when type errors were found: Types and Info are complete as far as they go.
	IllTyped bool
	// Test is set for an external test package (package foo_test).
	Test bool
}

// File is one file of an own package.
type File struct {
	Path      string // absolute
	Syntax    *ast.File
	Source    []byte
	Generated bool // carries the "Code generated ... DO NOT EDIT." line
	Test      bool // is a _test.go file
}

// Syntax returns the syntax trees of the package's files, in the order of Files.
func (p *Package) Syntax() []*ast.File {
	trees := make([]*ast.File, len(p.Files))
	for i, f := range p.Files {
		trees[i] = f.Syntax
	}
	return trees
}

// Error is something that could not be read. Msg says what to do about it.
type Error struct {
	// Kind is "load" for what is missing or unreadable, "type" for what does not type-check.
	Kind    string
	Package string
	File    string // absolute; may be empty
	Line    int
	Msg     string
}

// Load reads the packages that cfg names, and all that they import. An error means that nothing can be reviewed: it is
// a [*SetupError], which says what to do, or that of ctx. What is missing or broken in parts is in Code.Errors.
func Load(ctx context.Context, cfg Config) (*Code, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	cfg.Progress("list")
	listing, err := listCached(ctx, cfg)
	if err != nil {
		return nil, err
	}
	code, err := read(ctx, cfg, listing, cfg.Cache)
	if errors.Is(err, errKeptTypes) {
		return read(ctx, cfg, listing, nil)
	}
	return code, err
}

// errKeptTypes is what reading with kept types ends with when they won't do.
var errKeptTypes = errors.New("dependencies have to be checked from source")

// read parses and checks what is listed, with the types of dependencies that are in the store.
func read(ctx context.Context, cfg Config, listing *listing, store *Store) (*Code, error) {
	units := newUnits(listing, cfg.Tests)
	for _, u := range units {
		u.overlay = cfg.Overlay
	}
	cfg.Progress("parse")
	kept := findTypes(ctx, cfg, store, units)
	end := place(units, kept.hit())
	slots := newSlots(cfg.Jobs)
	decoded := make(chan error, 1)
	go func() { decoded <- kept.read(end) }()
	if err := parseOwn(ctx, units, slots); err != nil {
		return nil, err
	}
	cfg.Progress("types")
	if <-decoded != nil {
		return nil, errKeptTypes
	}
	kept.settle(units)
	if err := checkAll(ctx, units, slots, sizes(cfg.Env)); err != nil {
		return nil, err
	}
	if kept.hit() && illTyped(units) {
		return nil, errKeptTypes
	}
	kept.keep(units)
	code := assemble(cfg.Dir, listing, units)
	addFiles(code.Fset, kept.fset)
	return code, nil
}

// complete fills in what was left to defaults: Dir becomes absolute, with symlinks resolved.
func (cfg Config) complete() (Config, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return cfg, &SetupError{"the directory to review can't be used: name an existing one", err}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return cfg, &SetupError{dir + " is no directory: name the directory that holds the module to review", err}
	}
	cfg.Dir = dir
	if cfg.Env == nil {
		cfg.Env = os.Environ()
	}
	// The toolchain that is installed has to do: a review downloads none.
	cfg.Env = append(slices.Clip(cfg.Env), "GOTOOLCHAIN=local")
	if cfg.Jobs <= 0 {
		cfg.Jobs = runtime.GOMAXPROCS(0)
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	return cfg, nil
}

// assemble gathers what the units hold, sorted.
func assemble(root string, l *listing, units []*unit) *Code {
	code := &Code{Root: root, Fset: token.NewFileSet(), Modules: l.modules, Deps: make(map[string]*types.Package), Errors: l.rows()}
	byDir := make(map[string]*Module, len(code.Modules))
	for i, m := range code.Modules {
		byDir[m.Dir] = &code.Modules[i]
	}
	for _, u := range units {
		addFiles(code.Fset, u.fset)
		code.Errors = append(code.Errors, u.errs...)
		switch {
		case u.twin || u.types == nil:
			continue
		case !u.own:
			code.Deps[u.path] = u.types
			continue
		}
		u.pkg.Module = byDir[u.listed.Module.Dir]
		code.Packages = append(code.Packages, u.pkg)
	}
	slices.SortFunc(code.Errors, compareErrors)
	code.Errors = summarise(code.Errors)
	return code
}

// sizes are those of the target that env sets.
func sizes(env []string) types.Sizes {
	return types.SizesFor("gc", cmp.Or(getenv(env, "GOARCH"), runtime.GOARCH))
}

// getenv returns the value of name in env, where the last setting counts.
func getenv(env []string, name string) string {
	for _, setting := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(setting, name+"="); ok {
			return value
		}
	}
	return ""
}
