// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/replicavet/replicavet/internal/load"
	"golang.org/x/tools/go/ssa"
)

// testLibraries are packages that only tests and their helpers import. What ends in a slash stands for all below it.
var testLibraries = []string{
	"testing", "testing/",
	"github.com/onsi/ginkgo/", "github.com/onsi/gomega", "github.com/onsi/gomega/",
	"github.com/stretchr/testify/",
	"sigs.k8s.io/e2e-framework/", "sigs.k8s.io/controller-runtime/pkg/envtest", "sigs.k8s.io/controller-runtime/pkg/client/fake",
	"k8s.io/client-go/testing", "k8s.io/client-go/kubernetes/fake", "k8s.io/client-go/dynamic/fake", "k8s.io/client-go/rest/fake",
}

// TestSupport tells whether fn stands in a package of test helpers: one of its plain files imports a testing library, or a
// quarter of them where a command is built of the package; or only such packages import it. Benchmarks and end-to-end suites
// keep their helpers in such packages. What commands import, too, counts for packages that no command is built of: they may ask testing.Testing.
func (p *Program) TestSupport(fn *ssa.Function) bool {
	pkg := p.Package(fn)
	return pkg != nil && p.support[pkg]
}

// ForTests tells whether fn is there for tests: it stands in a test or a package of test helpers, it is a method of what is
// called a fake or a mock, or a fuzzer calls it.
// Source: the signature is that of github.com/dvyukov/go-fuzz, which OSS-Fuzz still builds.
func (p *Program) ForTests(fn *ssa.Function) bool {
	if p.InTest(fn) || p.TestSupport(fn) || ofDouble(fn) {
		return true
	}
	sig := fn.Signature
	return strings.HasPrefix(fn.Name(), "Fuzz") && sig.Recv() == nil && sig.Params().Len() == 1 && sig.Results().Len() == 1 &&
		types.Identical(sig.Params().At(0).Type(), types.NewSlice(types.Typ[types.Byte])) && types.Identical(sig.Results().At(0).Type(), types.Typ[types.Int])
}

// ofDouble tells whether a function is a method of a stand-in for tests, by the name of its type.
func ofDouble(fn *ssa.Function) bool {
	recv := outermost(fn).Signature.Recv()
	if recv == nil || Named(recv.Type()) == nil {
		return false
	}
	name := Named(recv.Type()).Obj().Name()
	return slices.ContainsFunc([]string{"Fake", "fake", "Mock", "mock"}, func(word string) bool { return strings.HasPrefix(name, word) })
}

// findSupport finds the packages of test helpers.
func (p *Program) findSupport() {
	p.support = make(map[*load.Package]bool)
	shipped := p.shipped()
	for _, pkg := range p.Code.Packages {
		helping, plain := 0, 0
		for _, f := range pkg.Files {
			if f.Test {
				continue
			}
			plain++
			if slices.ContainsFunc(importsOf(f), func(path string) bool { return isTestLibrary(path) && !(mayShip(path) && shipped[pkg.Path]) }) {
				helping++
			}
		}
		// One file for tests in a package that a command is built of does not make the rest of it a helper.
		if helping > 0 && (!shipped[pkg.Path] || 4*helping >= plain) {
			p.support[pkg] = true
		}
	}
	p.spreadSupport(shipped)
}

// spreadSupport adds the packages that only helpers of tests import, where commands are built of other packages. Helpers below
// a package are for the tests of those who use it: a library.
func (p *Program) spreadSupport(shipped map[string]bool) {
	if len(shipped) == 0 {
		return
	}
	importers := make(map[string][]*load.Package)
	for _, pkg := range p.Code.Packages {
		for _, path := range plainImports(pkg) {
			importers[path] = append(importers[path], pkg)
		}
	}
	for again := true; again; {
		again = false
		for _, pkg := range p.Code.Packages {
			by := importers[pkg.Path]
			if p.support[pkg] || pkg.Test || shipped[pkg.Path] || len(by) == 0 ||
				slices.ContainsFunc(by, func(other *load.Package) bool {
					return !p.support[other] || strings.HasPrefix(other.Path, pkg.Path+"/")
				}) {
				continue
			}
			p.support[pkg] = true
			again = true
		}
	}
}

// shipped collects the paths of the packages that commands are built of.
func (p *Program) shipped() map[string]bool {
	imports := make(map[string][]string)
	var commands []string
	for _, pkg := range p.Code.Packages {
		if pkg.Test {
			continue
		}
		imports[pkg.Path] = plainImports(pkg)
		if pkg.Types.Name() == "main" {
			commands = append(commands, pkg.Path)
		}
	}
	return builtOf(commands, imports)
}

// plainImports returns the imports of the files of a package that are no tests.
func plainImports(pkg *load.Package) []string {
	var out []string
	for _, f := range pkg.Files {
		if !f.Test {
			out = append(out, importsOf(f)...)
		}
	}
	return out
}

func importsOf(f *load.File) []string {
	var out []string
	for _, spec := range f.Syntax.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			out = append(out, path)
		}
	}
	return out
}

func isTestLibrary(path string) bool {
	for _, lib := range testLibraries {
		if path == lib || strings.HasSuffix(lib, "/") && strings.HasPrefix(path, lib) {
			return true
		}
	}
	return false
}

// mayShip tells of a library for tests whether commands use it, too: they ask testing.Testing, or try things on a fake.
func mayShip(path string) bool {
	return path == "testing" || strings.HasPrefix(path, "k8s.io/client-go/")
}
