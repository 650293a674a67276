// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strconv"
	"strings"

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
// Benchmarks and end-to-end suites keep their helpers in such packages.
func (p *Program) TestSupport(fn *ssa.Function) bool {
	pkg := p.Package(fn)
	if pkg == nil {
		return false
	}
	for _, f := range pkg.Files {
		if f.Test {
			continue
		}
		for _, spec := range f.Syntax.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err == nil && isTestLibrary(path) {
				return true
			}
		}
	}
	return false
}

func isTestLibrary(path string) bool {
	for _, lib := range testLibraries {
		if path == lib || strings.HasSuffix(lib, "/") && strings.HasPrefix(path, lib) {
			return true
		}
	}
	return false
}
