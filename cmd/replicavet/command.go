// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/replicavet/replicavet/internal/review"
)

// command is a subcommand: the table of them is what the help, the completion and the manual are made from.
type command struct {
	name, args, title string
	// verbs are the words of which the first argument must be one; most commands have none.
	verbs []string
	// reviews is set for commands that have the flags of a review.
	reviews bool
	// flags defines further flags; it may be nil.
	flags func(fs *flag.FlagSet, s *settings)
	// words says what completes an argument: rules, formats, shells or nothing.
	words string
	run   func(ctx context.Context, inv *invocation) int
}

// invocation is one call of a subcommand.
type invocation struct {
	command
	settings
	verb  string
	flags *flag.FlagSet
	args  []string
	out   io.Writer
	errs  io.Writer
}

// commands lists the subcommands in the order they are shown. review is what runs when none is named.
func commands() []command {
	return []command{
		{name: "review", args: "[flags] [packages]", title: "review the code and tell what breaks (the default)", reviews: true, run: runReview},
		{name: "explain", args: "[-C dir] RULE|FAMILY|ID", title: "explain a rule, the rules of a family, or a finding of the last review", flags: dirFlag, words: "rules", run: runExplain},
		{name: "rules", args: "[-format text|json]", title: "list the rules", flags: formatFlag, run: runRules},
		{name: "fix", args: "[flags] [-diff] [RULE...] [packages]", title: "make the edits that are certain to compile and to end the finding", reviews: true, flags: diffFlag, words: "rules", run: runFix},
		{name: "map", args: "[flags] [packages]", title: "show where execution enters, on which replicas, and why", reviews: true, run: runMap},
		{name: "writes", args: "[flags] [packages]", title: "show every write to the API: what, how protected, who runs it", reviews: true, run: runWrites},
		{name: "render", args: "[-format F] [-o F=FILE] FILE", title: "show a stored JSON review in another format", flags: renderFlags, run: runRender},
		{name: "baseline", args: "write|prune|show [flags] [packages]", title: "keep, clean or show the list of known findings", verbs: []string{"write", "prune", "show"}, reviews: true, run: runBaseline},
		{name: "config", args: "check|show|schema [flags]", title: "check or show what is in force and where it comes from", verbs: []string{"check", "show", "schema"}, reviews: true, run: runConfig},
		{name: "schema", title: "print the JSON schema of a review", run: runSchema},
		{name: "cache", args: "clean|dir", title: "remove what is stored between runs, or say where it is", verbs: []string{"clean", "dir"}, run: runCache},
		{name: "completion", args: "bash|zsh|fish", title: "print the completion of a shell", words: "shells", run: runCompletion},
		{name: "man", title: "print the manual page", run: runMan},
		{name: "version", title: "print the version", run: runVersion},
	}
}

// flagSet returns the flags of the subcommand, which set s.
func (c command) flagSet(s *settings) *flag.FlagSet {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	// What is wrong is told once, by run.
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	if c.reviews {
		s.define(fs)
	}
	if c.flags != nil {
		c.flags(fs, s)
	}
	return fs
}

// usage prints how to use the subcommand.
func (c command) usage(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nUsage:\n\n  replicavet %s %s\n", strings.ToUpper(c.title[:1])+c.title[1:]+".", c.name, c.args)
	fs := c.flagSet(new(settings))
	fs.SetOutput(w)
	any := false
	fs.VisitAll(func(*flag.Flag) { any = true })
	if any {
		fmt.Fprint(w, "\nFlags:\n\n")
		fs.PrintDefaults()
	}
}

// usage prints how to use the tool.
func usage(w io.Writer) {
	fmt.Fprint(w, "replicavet reviews Kubernetes controllers for what breaks when several replicas run them.\n\nUsage:\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  replicavet %-10s %s\n", c.name, c.title)
	}
	fmt.Fprint(w, "\nWithout a command it reviews: replicavet ./...  Flags of a command: replicavet help review\n"+
		"Exit status: 0 nothing at or above -fail, 1 something, 2 the review is not complete.\n")
}

// flagNames lists the flags of a set for a message.
func flagNames(fs *flag.FlagSet) string {
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
	if len(names) == 0 {
		return "no flags"
	}
	return strings.Join(names, ", ")
}

// fatal says why nothing could be done.
func (inv *invocation) fatal(err error) int {
	fmt.Fprintln(inv.errs, "replicavet:", err)
	return review.Incomplete
}
