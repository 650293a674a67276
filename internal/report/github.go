// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// github renders the review as workflow commands of GitHub Actions, which become annotations of the changed lines. The
// last line is for the reader of the log. Suppressed findings are counted there only.
func github(w io.Writer, r *finding.Review, _ []Rule, _ Options) error {
	var b bytes.Buffer
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Suppressed != nil {
			continue
		}
		command(&b, level(f.Severity), []property{
			{"file", f.File}, number("line", f.Line), number("endLine", f.EndLine), number("col", f.Column),
			{"title", f.Severity.String() + " " + f.Rule},
		}, plain(f.Message)+"\n"+tale(f))
	}
	for _, e := range r.Errors {
		command(&b, "error", []property{{"file", e.File}, number("line", e.Line), {"title", "not reviewed"}}, errorLine(e))
	}
	fmt.Fprintf(&b, "%s%s; reviewed %s\n", tally(r), silenced(r), denominator(r))
	_, err := b.WriteTo(w)
	return err
}

// property is a named value of a command; an empty value is left out.
type property struct{ name, value string }

func number(name string, n int) property {
	if n < 1 {
		return property{}
	}
	return property{name, fmt.Sprint(n)}
}

// The escapes of the actions toolkit: a command is one line, and a property ends at a comma or colon.
var (
	commandEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// command writes ::name key=value,...::message.
func command(b *bytes.Buffer, name string, properties []property, message string) {
	var list []string
	for _, p := range properties {
		if p.value != "" {
			lines := strings.Split(p.value, "\n") // which the format can say; what else steers a log it cannot
			for i, line := range lines {
				lines[i] = plain(line)
			}
			list = append(list, p.name+"="+propertyEscapes.Replace(strings.Join(lines, "\n")))
		}
	}
	fmt.Fprintf(b, "::%s %s::%s\n", name, strings.Join(list, ","), commandEscapes.Replace(message))
}

// errorLine tells an error in one line.
func errorLine(e finding.Error) string {
	line := plain(e.Kind) + " error: " + plain(e.Message)
	if e.Package != "" {
		line = plain(e.Package) + ": " + line
	}
	return line
}
