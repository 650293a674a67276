// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// unheardOf finds the reconciles that could not write the status of their own object and that nothing starts again: what conflicts
// with it is a change of status or metadata, of which the controller does not hear, and they end as if all were well.
func unheardOf(pass *rule.Pass, row *effects.Entry) []*loss {
	if !conflicts(row) || row.Call.Effect != kube.UpdateStatus {
		return nil // the server never answers 409, or what is written starts a reconcile
	}
	var out []*loss
	told := make(map[*ssa.Function]bool)
	var fates []effects.ErrorFate
	for _, s := range row.Stories {
		kind, known := s.Kind()
		from := versionFrom(pass, s)
		if !known || from == nil || from.Kind != effects.Read || !reviewed(pass, s) || !pass.Program.GenerationsOnly(kind) {
			continue // not read here, or its controller hears of every change
		}
		if fates == nil {
			fates = pass.Effects.ErrorFates(row.Site)
		}
		for _, fate := range fates {
			if fate.Kind != effects.ErrorDropped || fate.PassedOver || told[fate.Func] || !within(s, fate.Func) {
				continue
			}
			if en := reconcileOf(pass, fate, kind); en != nil && pass.Effects.EndsWell(fate.At) {
				told[fate.Func] = true
				l := &loss{story: s, from: from, fate: fate, entry: en, inline: true, severity: finding.High, how: "is logged at most"}
				l.reason = "the predicate of the controller drops the event of the change that conflicts, and the reconcile reports success"
				if en.Domain == program.EveryReplica {
					l.severity, l.reason = finding.Medium, l.reason+"; another replica may have come to the same"
				}
				l.at, _ = fate.At.(ssa.CallInstruction)
				out = append(out, l)
			}
		}
	}
	return out
}

// reconcileOf returns the reconcile, of the objects of a kind, that runs into the end of an error.
func reconcileOf(pass *rule.Pass, fate effects.ErrorFate, kind kube.Kind) *program.Entry {
	entries, inline := ends(pass, fate)
	for _, en := range entries {
		if inline && en.Kind == program.EntryReconcile && en.Domain != program.Test && readsFirst(pass, en.Func, kind, 0) {
			return en
		}
	}
	return nil
}

// readsFirst tells whether the first object that a function reads by name is of a kind.
func readsFirst(pass *rule.Pass, fn *ssa.Function, kind kube.Kind, depth int) bool {
	if depth > 2 {
		return false
	}
	for site := range program.Sites(fn) {
		row := program.Model(site)
		if row != nil && (row.Effect == kube.ReadByProvenance || row.Effect == kube.ReadLive || row.Effect == kube.ReadCached) {
			return readsKind(pass, fn, site, kind)
		}
		if row == nil {
			for _, callee := range pass.Program.Static(site) {
				if readsFirst(pass, callee, kind, depth+1) {
					return true
				}
			}
		}
	}
	return false
}

func readsKind(pass *rule.Pass, fn *ssa.Function, site ssa.CallInstruction, kind kube.Kind) bool {
	for _, ev := range pass.Effects.Events(fn) {
		if ev.Kind == effects.Read && ev.Origin == site {
			k, ok := kube.KindOf(ev.Type)
			return ok && k.Same(kind)
		}
	}
	return false
}
