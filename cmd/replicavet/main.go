// SPDX-License-Identifier: Apache-2.0

// Command replicavet reviews the Go code of Kubernetes controllers for what breaks when several goroutines and several
// replicas run it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/review"
)

func main() {
	useHugePages()
	collectLate()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // who interrupts a second time does not wait for the phase to end
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run dispatches to a subcommand and returns the exit status.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	all := commands()
	chosen := all[0]
	if len(args) > 0 {
		switch args[0] {
		case "help", "-h", "-help", "--help":
			return help(args[1:], out, errs)
		}
		if i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] }); i >= 0 {
			chosen, args = all[i], args[1:]
		}
	}
	inv := &invocation{command: chosen, out: out, errs: errs}
	if len(chosen.verbs) > 0 {
		if len(args) == 0 || !slices.Contains(chosen.verbs, args[0]) {
			return inv.fatal(fmt.Errorf("%s wants one of: %s", chosen.name, strings.Join(chosen.verbs, ", ")))
		}
		inv.verb, args = args[0], args[1:]
	}
	fs := chosen.flagSet(&inv.settings)
	if chosen.reviews {
		args = slices.Concat(strings.Fields(os.Getenv("REPLICAVET_FLAGS")), args)
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		chosen.usage(out)
		return review.Clean
	case err != nil:
		return inv.fatal(fmt.Errorf("%s: %w; it has %s", chosen.name, err, flagNames(fs)))
	}
	inv.flags, inv.args = fs, fs.Args()
	return inv.profiled(inv.cpuProfile, func() int { return chosen.run(ctx, inv) })
}

// help prints how to use the tool, or one of its subcommands.
func help(args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		usage(out)
		return review.Clean
	}
	for _, c := range commands() {
		if c.name == args[0] {
			c.usage(out)
			return review.Clean
		}
	}
	fmt.Fprintf(errs, "replicavet: there is no command %q; `replicavet help` lists them\n", args[0])
	return review.Incomplete
}
