// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/replicavet/replicavet/internal/finding"

// paint colours text for a terminal, or leaves it alone when it is false.
type paint bool

// style is the parameter of an ANSI "select graphic rendition" sequence.
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// in returns s in that style.
func (p paint) in(st style, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + string(st) + "m" + s + "\x1b[0m"
}

// severity is the style of a severity.
func (p paint) severity(s finding.Severity) style {
	switch s {
	case finding.Critical:
		return "1;" + red
	case finding.High:
		return "1;" + yellow
	}
	return "1;" + cyan
}
