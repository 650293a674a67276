// SPDX-License-Identifier: Apache-2.0

// Package program is the reviewed program as a whole: SSA of all own code, who calls whom, where execution enters,
// on which replicas each function runs and why, and where the values that matter (clients, channels, locks, objects)
// come from. It gathers facts and never reports.
package program

import (
	"bytes"
	"cmp"
	"fmt"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/load"
	"golang.org/x/tools/go/ssa"
)

// Program is the code under review, ready for questions.
type Program struct {
	Code *load.Code
	SSA  *ssa.Program
	Fset *token.FileSet

	// Funcs are the own functions with bodies, closures and instances included, in source order.
	Funcs []*ssa.Function
	// Entries are the places where execution enters own code, in source order.
	Entries []*Entry
	// Managers are the controller managers that the program makes.
	Managers []*Manager
	// place is the place of a function among Funcs, counted from one.
	place map[*ssa.Function]int
	// Errors are packages whose SSA could not be built.
	Errors []load.Error

	own   map[*types.Package]*load.Package
	files map[string]*load.File
	// plain are those in which no comment says that lines come from elsewhere.
	plain   map[*token.File]*load.File
	calls   calls
	stores  stores
	entryAt map[*ssa.Function]*Entry
	// reach are the ways to all functions, leaderCloses the channels that only the leader closes, each with the reason.
	reach        map[*ssa.Function]ways
	leaderCloses map[*ssa.MakeChan]string
	// handed are the answers of handovers, unfollowed the edges that it gave up on, startedFor those that another goroutine
	// than the giver's takes.
	handed     map[*ssa.Function][]handover
	unfollowed map[Edge]bool
	startedFor map[Edge]bool
	// support are the packages of test helpers, tools the files of which only tests, samples and tools are built.
	support map[*load.Package]bool
	tools   map[string]bool
	// linked says which commands a package is a part of, a bit for each.
	linked map[*load.Package]bitset
	// usesC are the packages of which some functions use C and were not read.
	usesC map[*load.Package]bool
	// wellTyped is the answer of WellTyped.
	wellTyped bool

	answers
}

// Build makes the program from loaded code, with the entry points that the project tells of. It never fails: what cannot be
// built is a row in Errors.
func Build(code *load.Code, declared ...Declared) *Program {
	p := &Program{
		Code:         code,
		Fset:         code.Fset,
		own:          make(map[*types.Package]*load.Package),
		files:        make(map[string]*load.File),
		plain:        make(map[*token.File]*load.File),
		leaderCloses: make(map[*ssa.MakeChan]string),
		usesC:        make(map[*load.Package]bool),
		answers:      newAnswers(),
	}
	for _, pkg := range code.Packages {
		p.own[pkg.Types] = pkg
		for _, f := range pkg.Files {
			p.files[f.Path] = f
			if tf := p.Fset.File(f.Syntax.FileStart); tf != nil && tf.Name() == f.Path && !movesLines(f.Source) {
				p.plain[tf] = f
			}
		}
	}
	p.findSupport()
	p.findTools()
	p.findLinked()
	p.buildSSA()
	p.stores = indexStores(p.Funcs)
	p.calls = p.indexCalls()
	p.findManagers()
	p.findEntries(declared)
	p.spreadDomains()
	return p
}

// Package returns the own package that fn was written in, or nil for code of dependencies and wrappers of it.
func (p *Program) Package(fn *ssa.Function) *load.Package {
	if fn == nil {
		return nil
	}
	fn = origin(outermost(fn))
	if fn.Pkg != nil {
		return p.own[fn.Pkg.Pkg]
	}
	if obj := fn.Object(); obj != nil {
		return p.own[obj.Pkg()]
	}
	return nil
}

// Own tells whether fn has a body in the reviewed code.
func (p *Program) Own(fn *ssa.Function) bool {
	return fn != nil && len(fn.Blocks) > 0 && p.Package(fn) != nil
}

// OwnType tells whether t, pointers removed, is a named type of the reviewed code.
func (p *Program) OwnType(t types.Type) bool {
	named := Named(t)
	return named != nil && p.own[named.Obj().Pkg()] != nil
}

// File returns the own file that pos lies in, or nil.
func (p *Program) File(pos token.Pos) *load.File {
	if !pos.IsValid() {
		return nil
	}
	if f := p.plain[p.Fset.File(pos)]; f != nil {
		return f
	}
	return p.files[p.Fset.Position(pos).Filename]
}

// movesLines tells whether source has comments that say which file its lines come from.
func movesLines(source []byte) bool {
	return bytes.Contains(source, []byte("//line ")) || bytes.Contains(source, []byte("/*line "))
}

// Generated tells whether fn stands in a generated file.
func (p *Program) Generated(fn *ssa.Function) bool {
	f := p.File(fn.Pos())
	return f != nil && f.Generated
}

// InTest tells whether fn stands in a _test.go file.
func (p *Program) InTest(fn *ssa.Function) bool { return p.InTestFile(fn.Pos()) }

// InTestFile tells whether pos stands in a _test.go file.
func (p *Program) InTestFile(pos token.Pos) bool {
	f := p.File(pos)
	return f != nil && f.Test
}

// Position returns file (relative to the reviewed directory, forward slashes), line and column of pos.
func (p *Program) Position(pos token.Pos) (file string, line, column int) {
	at := p.Fset.Position(pos)
	return p.RelPath(at.Filename), at.Line, at.Column
}

// RelPath makes a file name relative to the reviewed directory, with forward slashes.
func (p *Program) RelPath(name string) string {
	if rel, err := filepath.Rel(p.Code.Root, name); err == nil {
		name = rel
	}
	return filepath.ToSlash(name)
}

// At renders pos as file:line for use in a sentence.
func (p *Program) At(pos token.Pos) string {
	file, line, _ := p.Position(pos)
	return fmt.Sprintf("%s:%d", file, line)
}

// SortKey orders positions by file and offset, in the same way in every run.
func (p *Program) SortKey(pos token.Pos) string {
	at := p.Fset.Position(pos)
	return fmt.Sprintf("%s:%09d", at.Filename, at.Offset)
}

// Name returns Go's name of fn without the package: F, T.M, (*T).M, and closures (*T).M$1.
func Name(fn *ssa.Function) string {
	if fn == nil {
		return ""
	}
	if fn.Parent() != nil {
		own := fn.Name()
		if i := strings.LastIndexByte(own, '$'); i >= 0 {
			return Name(fn.Parent()) + own[i:]
		}
		return Name(fn.Parent()) + "$" + own
	}
	fn = origin(fn)
	recv := fn.Signature.Recv()
	if recv == nil {
		return strings.TrimSuffix(fn.Name(), "$bound")
	}
	named := Named(recv.Type())
	if named == nil {
		return fn.Name()
	}
	if _, ptr := types.Unalias(recv.Type()).(*types.Pointer); ptr {
		return "(*" + named.Obj().Name() + ")." + fn.Name()
	}
	return named.Obj().Name() + "." + fn.Name()
}

// Named returns the named type behind t, pointers and aliases removed and instances reduced to their origin, or nil.
func Named(t types.Type) *types.Named {
	t = types.Unalias(t)
	if ptr, ok := t.(*types.Pointer); ok {
		t = types.Unalias(ptr.Elem())
	}
	if named, ok := t.(*types.Named); ok {
		return named.Origin()
	}
	return nil
}

// IsNamed tells whether t, pointers removed, is the type name of the package with that path.
func IsNamed(t types.Type, pkg, name string) bool {
	n := Named(t)
	return n != nil && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == pkg
}

// sortFuncs orders functions by file, offset and name, which is the same in every run.
func (p *Program) sortFuncs(fns []*ssa.Function) {
	if len(fns) < 2 {
		return
	}
	if !slices.ContainsFunc(fns, func(fn *ssa.Function) bool { return p.place[fn] == 0 }) {
		slices.SortFunc(fns, func(a, b *ssa.Function) int { return p.place[a] - p.place[b] })
		return
	}
	type key struct {
		pkg, file string
		offset    int
		name      string
	}
	keys := make(map[*ssa.Function]key, len(fns))
	for _, fn := range fns {
		at := p.Fset.Position(fn.Pos())
		pkg := ""
		if own := p.Package(fn); own != nil {
			pkg = own.Path
		}
		keys[fn] = key{pkg, at.Filename, at.Offset, fn.String()}
	}
	slices.SortFunc(fns, func(a, b *ssa.Function) int {
		x, y := keys[a], keys[b]
		return cmp.Or(strings.Compare(x.pkg, y.pkg), strings.Compare(x.file, y.file),
			cmp.Compare(x.offset, y.offset), strings.Compare(x.name, y.name))
	})
}
