// SPDX-License-Identifier: Apache-2.0

// Command replicavet reviews the Go code of Kubernetes controllers for what breaks when several goroutines and several
// replicas run it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"

	"github.com/replicavet/replicavet/internal/review"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command is a subcommand: its name, what it is for, and its code, which returns the exit status.
type command struct {
	name, args, title string
	run               func(ctx context.Context, args []string, out, errs io.Writer) int
}

// commands lists the subcommands in the order they are shown. review is what runs when none is named.
func commands() []command {
	return []command{
		{"review", "[flags] [packages]", "review the code and tell what breaks (the default)", runReview},
		{"map", "[flags] [packages]", "show where execution enters, on which replicas, and why", runMap},
		{"writes", "[flags] [packages]", "show every write to the API: what, how protected, who runs it", runWrites},
		{"rules", "[-format text|json]", "list the rules", runRules},
		{"explain", "RULE", "explain a rule", runExplain},
		{"version", "", "print the version", runVersion},
	}
}

// run dispatches to a subcommand and returns the exit status.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	// The heap of a review grows once and is thrown away at the end: collecting it often buys nothing.
	debug.SetGCPercent(200)
	all := commands()
	if len(args) > 0 {
		switch args[0] {
		case "help", "-h", "-help", "--help":
			usage(out)
			return review.Clean
		}
		if i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] }); i >= 0 {
			return all[i].run(ctx, args[1:], out, errs)
		}
	}
	return all[0].run(ctx, args, out, errs)
}

func usage(w io.Writer) {
	fmt.Fprint(w, "replicavet reviews Kubernetes controllers for what breaks when several replicas run them.\n\nUsage:\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  replicavet %-8s %-22s %s\n", c.name, c.args, c.title)
	}
	fmt.Fprint(w, "\nFlags of a subcommand: replicavet review -h\n"+
		"Exit status: 0 nothing at or above -fail, 1 something, 2 the review is not complete.\n")
}

func runVersion(_ context.Context, _ []string, out, _ io.Writer) int {
	fmt.Fprintln(out, "replicavet", version())
	return review.Clean
}

// version is the module's version as the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
