// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/report"
)

// runMan prints the manual page, for man -l -.
func runMan(_ context.Context, inv *invocation) int {
	var b strings.Builder
	b.WriteString(".TH REPLICAVET 1\n.SH NAME\nreplicavet \\- review Kubernetes controllers for what breaks when several replicas run them\n")
	b.WriteString(".SH SYNOPSIS\n.B replicavet\n[command] [flags] [arguments]\n.SH COMMANDS\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(strings.TrimSpace(c.name+" "+c.args)), roff(c.title))
	}
	b.WriteString(".SH FLAGS\nThe commands that review share these:\n")
	shared := commands()[0]
	shared.flagSet(new(settings)).VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(strings.TrimSpace("-"+f.Name+" "+value)), roff(usage))
	})
	b.WriteString(".SH FORMATS\n")
	for _, f := range report.Formats() {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(f.Name), roff(f.Title))
	}
	b.WriteString(".SH EXIT STATUS\n0 nothing at or above \\-fail, 1 something, 2 the review is not complete.\n")
	b.WriteString(".SH ENVIRONMENT\n.TP\n.B REPLICAVET_FLAGS\nflags that come before those of the command line.\n" +
		".TP\n.B REPLICAVET_CACHE\nthe directory of the cache; empty for none.\n" +
		".TP\n.B NO_COLOR, CLICOLOR_FORCE\nno colour, or colour without a terminal.\n")
	b.WriteString(".SH FILES\n.TP\n.B .replicavet.yaml\nthe configuration.\n.TP\n.B .replicavet\\-baseline.json\nthe known findings.\n")
	return inv.print(b.String())
}

// roff escapes text for a manual page.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
