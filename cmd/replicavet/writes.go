// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/review"
)

// runWrites prints the ledger: every write to the API, what it changes, how it is protected and who runs it.
func runWrites(ctx context.Context, args []string, out, errs io.Writer) int {
	return overProgram(ctx, "writes", args, out, errs, func(w io.Writer, loaded *review.Program) {
		for _, row := range loaded.Effects.Ledger {
			writeRow(w, loaded, row)
		}
	})
}

func writeRow(w io.Writer, loaded *review.Program, row *effects.Entry) {
	p, e := loaded.Program, loaded.Effects
	kind := row.Kind.Name
	if kind == "" {
		kind = "object"
	}
	fmt.Fprintf(w, "%s: %s %s in %s\n", p.At(row.Site.Pos()), row.Call.Effect, kind, program.Name(row.Site.Parent()))
	fmt.Fprintf(w, "    protection: %s\n", e.Protection(row.Stories[0].Write))
	if len(row.Fields) > 0 {
		fmt.Fprintf(w, "    fields:     %s\n", strings.Join(row.Fields, ", "))
	}
	if from := readFrom(e, row); from != "" {
		fmt.Fprintf(w, "    read from:  %s\n", from)
	}
	set := e.Domain(row)
	fmt.Fprintf(w, "    domain:     %s (%s)\n", set.Worst(), strings.Join(p.Because(set.Proof(set.Worst())), " -> "))
	for _, s := range row.Stories {
		if s.Func != row.Site.Parent() {
			fmt.Fprintf(w, "    caller:     %s at %s\n", program.Name(s.Func), p.At(s.Write.At.Pos()))
		}
	}
}

// readFrom says where the written objects were read from.
func readFrom(e *effects.Effects, row *effects.Entry) string {
	var out []string
	for _, s := range row.Stories {
		for _, r := range s.Reads() {
			fresh, why := e.Freshness(r)
			text := fresh.String()
			if why != "" {
				text += " (" + why + ")"
			}
			if !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return strings.Join(out, ", ")
}
