// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"strconv"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// kindName names what a claim writes: Session, Session/status.
func kindName(c *effects.Claim) string {
	name := c.Kind().Name
	if name == "" {
		name = "object"
	}
	if c.Sub != "" {
		name += "/" + c.Sub
	}
	return name
}

// managerName shows a claim's manager as the code makes it.
func managerName(m effects.Manager) string {
	if s, ok := m.Text.Constant(); ok {
		return strconv.Quote(s)
	}
	return strings.Join(m.Text.Forms, " or ")
}

// runs says what an actor executes: the entry point that leads to an instruction, or the function around it.
func runs(pass *rule.Pass, at ssa.Instruction) string {
	set := pass.Program.DomainAt(at)
	if proof := set.Proof(set.Worst()); proof != nil && proof.Entry != nil {
		return proof.Entry.String()
	}
	return program.Name(at.Parent())
}

// report fills in what the findings of the wing share.
func report(pass *rule.Pass, c *effects.Claim) rule.Report {
	set := pass.Program.DomainAt(c.Site())
	domain := set.Worst()
	return rule.Report{Func: c.Func(), Pos: c.Site().Pos(), Domain: domain, Proof: set.Proof(domain)}
}

// related points to another claim.
func related(c *effects.Claim, message string) rule.Related {
	return rule.Related{Func: c.Func(), Pos: c.Site().Pos(), Message: message}
}

// missing returns the fields of a that b leaves out.
func missing(a, b *effects.Claim) []string {
	var out []string
	for _, f := range a.Fields {
		sent := false
		for _, g := range b.Fields {
			sent = sent || effects.Overlaps(f, g)
		}
		if !sent {
			out = append(out, f)
		}
	}
	return out
}

// shared returns the first field that both claims send.
func shared(a, b *effects.Claim) string {
	for _, f := range a.Fields {
		for _, g := range b.Fields {
			if f == g || effects.Under(g, f) {
				return g
			}
			if effects.Under(f, g) {
				return f
			}
		}
	}
	return ""
}

// reconciles tells whether a reconciler leads to a claim.
func reconciles(pass *rule.Pass, c *effects.Claim) bool {
	for _, e := range pass.Program.EntriesOf(c.Func()) {
		if e.Kind == program.EntryReconcile {
			return true
		}
	}
	return false
}

// list joins up to three fields.
func list(fields []string) string {
	if len(fields) > 3 {
		return strings.Join(fields[:3], ", ") + " and more"
	}
	return strings.Join(fields, ", ")
}
