// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/replicavet/replicavet/internal/review"
)

// runMap prints the entry points with their domain and the reason for it.
func runMap(ctx context.Context, args []string, out, errs io.Writer) int {
	return overProgram(ctx, "map", args, out, errs, func(w io.Writer, loaded *review.Program) {
		p := loaded.Program
		for _, m := range p.Managers {
			fmt.Fprintf(w, "manager at %s: %s\n", p.At(m.Pos()), m.Because)
		}
		for _, e := range p.Entries {
			fmt.Fprintf(w, "%-13s %s\n%13s at %s: %s\n", e.Domain, e, "", p.At(e.Pos), e.Because)
		}
	})
}

// overProgram loads the program for a subcommand that shows a part of it.
func overProgram(ctx context.Context, name string, args []string, out, errs io.Writer, show func(io.Writer, *review.Program)) int {
	var s settings
	fs := newFlags(name, "[flags] [packages]", errs)
	s.common(fs)
	if status, stop := parse(fs, args); stop {
		return status
	}
	loaded, err := review.Load(ctx, review.Options{Load: s.load(fs.Args())})
	if err != nil {
		return fatal(errs, err)
	}
	show(out, loaded)
	for _, e := range loaded.Program.Code.Errors {
		fmt.Fprintf(errs, "not reviewed: %s\n", e.Msg)
	}
	if len(loaded.Program.Code.Errors) > 0 {
		return review.Incomplete
	}
	return review.Clean
}
