// SPDX-License-Identifier: Apache-2.0

package program

import (
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
}

// TestSupport tells whether fn stands in a package of test helpers: one of its plain files imports a testing library.
// Benchmarks and end-to-end suites keep their helpers in such packages. One that a command is built of is none for the
// import of testing alone: it may ask testing.Testing.
func (p *Program) TestSupport(fn *ssa.Function) bool {
	pkg := p.Package(fn)
	return pkg != nil && p.support[pkg]
}

// findSupport finds the packages of test helpers.
func (p *Program) findSupport() {
	p.support = make(map[*load.Package]bool)
	shipped := p.shipped()
	for _, pkg := range p.Code.Packages {
		for _, path := range plainImports(pkg) {
			if isTestLibrary(path) && (path != "testing" || !shipped[pkg.Path]) {
				p.support[pkg] = true
			}
		}
	}
}

// shipped collects the paths of the packages that commands are built of.
func (p *Program) shipped() map[string]bool {
	imports := make(map[string][]string)
	out := make(map[string]bool)
	var queue []string
	for _, pkg := range p.Code.Packages {
		if pkg.Test {
			continue
		}
		imports[pkg.Path] = plainImports(pkg)
		if pkg.Types.Name() == "main" {
			queue = append(queue, pkg.Path)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		if path := queue[0]; !out[path] {
			out[path] = true
			queue = append(queue, imports[path]...)
		}
	}
	return out
}

// plainImports returns the imports of the files of a package that are no tests.
func plainImports(pkg *load.Package) []string {
	var out []string
	for _, f := range pkg.Files {
		if f.Test {
			continue
		}
		for _, spec := range f.Syntax.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err == nil {
				out = append(out, path)
			}
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
