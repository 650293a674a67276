// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"golang.org/x/tools/txtar"
)

// domainComment marks a function with where it runs and why:
//
//	func work() { // domain: leader-only "regexp of the reasons"
var domainComment = regexp.MustCompile(`// domain: (\S+) "([^"]*)"`)

// TestDomains runs every program of testdata: each function that carries a mark must be given that domain for that
// reason.
func TestDomains(t *testing.T) {
	codes, archives := ruletest.Programs(t, "testdata/*.txtar")
	for name, archive := range archives {
		t.Run(name, func(t *testing.T) {
			p := program.Build(codes[name])
			for _, e := range p.Errors {
				t.Errorf("%s: %s", e.Package, e.Msg)
			}
			checkDomains(t, p, archive)
		})
	}
}

func checkDomains(t *testing.T, p *program.Program, archive *txtar.Archive) {
	t.Helper()
	marks := 0
	for _, f := range archive.Files {
		for i, line := range strings.Split(string(f.Data), "\n") {
			m := domainComment.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			marks++
			found := false
			for _, fn := range p.Funcs {
				file, at, _ := p.Position(fn.Pos())
				if file != f.Name || at != i+1 {
					continue
				}
				found = true
				set := p.DomainOf(fn)
				because := strings.Join(p.Because(set.Proof(set.Worst())), " | ")
				if set.Worst().String() != m[1] || !regexp.MustCompile(m[2]).MatchString(because) {
					t.Errorf("%s:%d: %s is %s because %s\nwant %s because %q", f.Name, i+1, program.Name(fn), set.Worst(), because, m[1], m[2])
				}
			}
			if !found {
				t.Errorf("%s:%d: no function starts here", f.Name, i+1)
			}
		}
	}
	if marks == 0 {
		t.Error("the program has no marks")
	}
}
