// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// checkDistant tells of looks into a cache whose answer decides elsewhere what can't be taken back.
func checkDistant(pass *rule.Pass) {
	told := make(map[string]bool)
	for _, d := range pass.Effects.DistantLooks() {
		fn := d.At.Parent()
		key := pass.Program.SortKey(d.At.Pos())
		if told[key] || !pass.Reviewed(fn) {
			continue // one look, one finding
		}
		if set := pass.Program.DomainOf(fn); set.Worst() != program.EveryReplica && set.Worst() != program.LeaderOnly {
			continue // tests, commands, and what nobody calls
		}
		if d.Create != nil && (pass.Effects.Expects(effects.Existence{Read: d.Read}, d.Create) || looksItself(pass, d)) {
			continue // it remembers what it created; or the look stands by the create, which is rmw/check-then-create
		}
		told[key] = true
		reportDistant(pass, d)
	}
}

// looksItself tells whether the look is among those that decide around the create itself.
func looksItself(pass *rule.Pass, d effects.Distant) bool {
	if naming, _ := d.Create.Naming(); naming != effects.NameGenerated && naming != effects.NameRandom {
		return false
	}
	for _, look := range pass.Effects.ExistenceOf(d.Create.Write.Origin, d.Kind) {
		if look.Read.Origin == d.Read.Origin && look.Fresh == program.Cached {
			return true
		}
	}
	return false
}

func reportDistant(pass *rule.Pass, d effects.Distant) {
	fn, kind := d.At.Parent(), kindWord(d)
	where := pass.Where(fn)
	r := rule.Report{
		Func: fn, Pos: pass.Program.Start(d.At), Domain: where.Domain, Proof: where.Proof,
		Severity: finding.High, Reason: "the cache may lack what was made a moment ago",
		About: "distant " + kind,
	}
	if d.At != d.Read.Origin {
		r.Related = append(r.Related, rule.Related{Func: d.Read.Func(), Pos: d.Read.Pos(), Message: "reads from the cache here"})
	}
	if d.Use != d.Deed {
		r.Related = append(r.Related, rule.Related{Func: d.Use.Parent(), Pos: d.Use.Pos(), Message: "what was found decides here"})
	}
	if d.Create != nil {
		if pass.Effects.RemovesSurplus(d) {
			r.Severity, r.Reason = finding.Medium, "the same function removes surplus ones when it sees them"
		}
		createdTwice(pass, d, kind, &r)
	} else {
		watchEnded(pass, d, kind, &r)
	}
	pass.Report(r)
}

func createdTwice(pass *rule.Pass, d effects.Distant, kind string, r *rule.Report) {
	fn, deed := d.At.Parent(), d.Deed.Parent()
	r.Message = fmt.Sprintf("%s takes the %s objects that exist from the cache (client: %s), and %s makes those that are missing under names that are new each time; what the cache does not show yet is made twice",
		program.Name(fn), kind, d.Because, program.Name(deed))
	r.Related = append(r.Related, rule.Related{Func: deed, Pos: d.Deed.Pos(), Message: "makes the " + kind})
	s := rule.NewScenario()
	first, second := s.Actor("first run", pass.Where(fn).Actor(fn)), s.Actor("next run", pass.Where(fn).Actor(fn))
	first.Step(d.At.Pos(), "looks for "+kind+" objects in the cache", "none")
	first.Step(d.Deed.Pos(), "creates one", kind+" number 1 is stored; the watch has not told the cache yet")
	second.Step(d.At.Pos(), "looks again", "still none")
	second.Step(d.Deed.Pos(), "creates one under another name", kind+" number 2 is stored")
	s.Outcome("two %s objects for one cause", kind)
	r.Scenario = s
	r.Fix = rule.Fix{
		Description: "ask the API server before something is made, or derive the name from what it is for",
		Sketch:      liveCall(pass.WordsAt(fn, d.At.Pos())),
	}
}

func watchEnded(pass *rule.Pass, d effects.Distant, kind string, r *rule.Report) {
	fn, deed := d.At.Parent(), d.Deed.Parent()
	r.Message = fmt.Sprintf("%s lists %s objects from the cache (client: %s) to decide which watches end (%s); what refers to a watch since a moment is not in the cache, and the events of that watch are lost",
		program.Name(fn), kind, d.Because, program.Name(deed))
	r.Reason = "the cache may lack what needs the watch"
	r.Related = append(r.Related, rule.Related{Func: deed, Pos: d.Deed.Pos(), Message: "ends the watch"})
	s := rule.NewScenario()
	user, a := s.Actor("another writer", "of a "+kind), s.Actor("this process", pass.Where(fn).Actor(fn))
	user.Step(d.At.Pos(), "stores a "+kind+" that needs the watch", "the cache has not been told yet")
	a.Step(d.At.Pos(), "lists "+kind+" objects from the cache", "nothing needs the watch")
	a.Step(d.Use.Pos(), "ends the watch", "")
	s.Outcome("changes of what the watch was for bring no reconcile until something starts the watch again")
	r.Scenario = s
	r.Fix = rule.Fix{
		Description: "list from the API server before a watch is ended",
		Sketch:      liveCall(pass.WordsAt(fn, d.At.Pos())),
	}
}

// kindWord names the kind that a look asks for.
func kindWord(d effects.Distant) string {
	if d.Kind.Name != "" {
		return d.Kind.Name
	}
	if d.Kind.Form == kube.Unstructured {
		return "unstructured"
	}
	return "object"
}
