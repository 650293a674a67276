// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/report"
)

// output is a file to write a report to.
type output struct {
	format report.Format
	file   string
}

// outputs are the values of -o.
type outputs []output

// String is for the flag package.
func (o *outputs) String() string { return "" }

// Set reads format=file.
func (o *outputs) Set(text string) error {
	name, file, ok := strings.Cut(text, "=")
	if !ok || file == "" {
		return errors.New("name a format and a file, such as sarif=review.sarif")
	}
	format, err := report.Lookup(name)
	if err != nil {
		return err
	}
	*o = append(*o, output{format, file})
	return nil
}

// render shows a review on the standard output and in the files asked for.
func (inv *invocation) render(r *finding.Review, rules []report.Rule, source func(string) ([]byte, error)) error {
	format, err := report.Lookup(inv.format)
	if err != nil {
		return fmt.Errorf("-format: %w", err)
	}
	o := report.Options{Brief: inv.quiet, Verbose: inv.verbose, Source: source}
	for _, out := range inv.outputs {
		var b bytes.Buffer
		if err := out.format.Render(&b, r, rules, o); err != nil {
			return fmt.Errorf("rendering %s: %w", out.format.Name, err)
		}
		if err := replaceFile(out.file, b.Bytes()); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	if o.Color, err = colored(inv.color, inv.out); err != nil {
		return err
	}
	o.Width = columns(inv.out)
	if err := format.Render(inv.out, r, rules, o); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// checkFormats tells early what render would refuse.
func (inv *invocation) checkFormats() error {
	if _, err := report.Lookup(inv.format); err != nil {
		return fmt.Errorf("-format: %w", err)
	}
	_, err := colored(inv.color, inv.out)
	return err
}

// colored decides whether to colour what is written to w. A flag outranks the environment, which outranks the terminal.
func colored(when string, w io.Writer) (bool, error) {
	switch when {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
	default:
		return false, fmt.Errorf("-color: unknown value %q: use auto, always or never", when)
	}
	if os.Getenv("NO_COLOR") != "" {
		return false, nil
	}
	if force := os.Getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true, nil
	}
	return terminal(w) && os.Getenv("TERM") != "dumb", nil
}

// terminal tells whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns is the width of the terminal, or 0 when w is none.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
