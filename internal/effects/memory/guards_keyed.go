// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// element names what is found by its key in a map that a lasting object or a package variable holds.
func (w *namer) element(container ssa.Value) {
	load, ok := container.(*ssa.UnOp)
	if !ok {
		return
	}
	switch x := load.X.(type) {
	case *ssa.Global:
		w.add(identity{global: x, keyed: true})
	case *ssa.FieldAddr:
		if key, ok := program.FieldKeyOf(x.X.Type(), x.Field); ok && len(w.m.identities(x.X, w.in)) > 0 {
			w.add(identity{field: key, keyed: true})
		}
	}
}

// anyKey tells whether one of two goroutines answers requests: they come with any key, and several at once with the same.
// Workers are given a key each.
func anyKey(meeting program.Meeting) bool {
	for _, r := range []*program.Root{meeting.A, meeting.B} {
		if r.Entry == nil {
			continue
		}
		switch r.Entry.Kind {
		case program.EntryHTTP, program.EntryGRPC, program.EntryWebhook:
			return true
		}
	}
	return false
}
