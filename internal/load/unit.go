// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// unit is a package on its way from its description to its types.
type unit struct {
	path    string // import path; with "_test" for an external test package
	listed  *listed
	own     bool
	twin    bool             // a second copy of a package, which stays out of the result
	files   []string         // absolute
	imports map[string]*unit // by the path written in the source
	done    chan struct{}    // closed when types is set
	// demanded is done when somebody needs the unit: dependencies that nobody needs have no types.
	demanded sync.Once

	fset  *token.FileSet // of this unit alone, see place
	sizes []int          // of files, as they were when placed
	// overlay has the contents of files that are not read from the disk
	overlay map[string][]byte
	trees   []*ast.File // until checked
	types   *types.Package
	pkg     *Package // of own units
	errs    []Error
}

// newUnit makes a unit of files in the directory of a listed package. The imports are to be added.
func newUnit(l *listed, path string, own bool, files ...[]string) *unit {
	u := &unit{path: path, listed: l, own: own, imports: make(map[string]*unit), done: make(chan struct{})}
	if own {
		u.pkg = &Package{Path: path, Name: l.Name, Dir: l.Dir, DepOnly: l.DepOnly}
	}
	u.addFiles(files...)
	return u
}

// addFiles adds files of the unit's directory.
func (u *unit) addFiles(lists ...[]string) {
	for _, name := range slices.Sorted(slices.Values(slices.Concat(lists...))) {
		u.files = append(u.files, filepath.Join(u.listed.Dir, name))
	}
}

// addImports resolves import paths to units. `go list` gives them resolved; its ImportMap tells what the source says
// instead, for the standard library's vendored packages.
func (u *unit) addImports(units map[string]*unit, paths []string) {
	for _, path := range paths {
		if dep := units[path]; dep != nil {
			u.imports[path] = dep
		}
	}
	for source, path := range u.listed.ImportMap {
		if dep := units[path]; dep != nil {
			u.imports[source] = dep
		}
	}
}

// fail notes that something of the unit could not be read; only own units complain.
func (u *unit) fail(kind, file string, line int, msg string) {
	if u.own {
		u.errs = append(u.errs, Error{Kind: kind, Package: u.path, File: file, Line: line, Msg: msg})
	}
}

// place gives every unit a file set of its own whose positions lie where they will in the common one: in the order of
// units and files, whichever is parsed first. So positions are the same in every run, and parsing takes no common lock. It returns
// the position after the last. Of files of dependencies that won't be parsed nothing is asked.
func place(units []*unit, onlyOwn bool) (end int) {
	base := 1
	for _, u := range units {
		if onlyOwn && !u.own {
			u.fset = token.NewFileSet()
			continue
		}
		u.fset = token.NewFileSet()
		if base > 1 {
			u.fset.AddFile("", base-1, 0) // the filler, which moves the base
		}
		u.sizes = make([]int, len(u.files))
		for i, path := range u.files {
			if src, ok := u.overlay[path]; ok {
				u.sizes[i] = len(src)
			} else if info, err := os.Stat(path); err == nil {
				u.sizes[i] = int(info.Size())
			}
			base += u.sizes[i] + 1
		}
	}
	return base
}

// addFiles takes the files of one file set into another.
func addFiles(to, from *token.FileSet) {
	for f := range from.Iterate {
		if f.Name() != "" { // not a filler, which moves the base
			to.AddExistingFiles(f)
		}
	}
}

// slots are the rights to work at the same time; each comes with a buffer to read files into.
type slots chan *bytes.Buffer

// newSlots returns as many slots as jobs may run at once.
func newSlots(jobs int) slots {
	s := make(slots, jobs)
	for range jobs {
		s <- new(bytes.Buffer)
	}
	return s
}

// do runs work with a slot, unless ctx is done.
func (s slots) do(ctx context.Context, work func(buf *bytes.Buffer)) {
	buf := <-s
	defer func() { s <- buf }()
	if ctx.Err() == nil {
		work(buf)
	}
}

// parseOwn parses the own units. Their syntax is kept anyway; that of dependencies lives only while they are checked.
func parseOwn(ctx context.Context, units []*unit, s slots) error {
	var all sync.WaitGroup
	for _, u := range units {
		if u.own {
			all.Go(func() { s.do(ctx, u.parse) })
		}
	}
	all.Wait()
	return ctx.Err()
}

// checker checks units once each: own ones, and what is needed for them.
type checker struct {
	ctx   context.Context
	slots slots
	sizes types.Sizes
	all   sync.WaitGroup
}

// checkAll checks the own units, and those of dependencies that types in them are made of, each after its imports. Most
// dependencies need much less than they import: the rest is for their function bodies.
func checkAll(ctx context.Context, units []*unit, s slots, sizes types.Sizes) error {
	c := &checker{ctx: ctx, slots: s, sizes: sizes}
	for _, u := range units {
		if u.own {
			c.demand(u)
		}
	}
	c.all.Wait()
	return ctx.Err()
}

// demand starts checking a unit, unless that has begun.
func (c *checker) demand(u *unit) {
	u.demanded.Do(func() {
		c.all.Go(func() {
			defer close(u.done)
			if !u.own {
				c.slots.do(c.ctx, u.parse)
			}
			for _, dep := range u.imports {
				c.demand(dep)
			}
			for _, dep := range u.imports {
				<-dep.done
			}
			c.slots.do(c.ctx, func(*bytes.Buffer) { u.check(c.sizes) })
		})
	})
}
