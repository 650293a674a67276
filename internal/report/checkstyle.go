// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

type checkstyleLog struct {
	XMLName xml.Name         `xml:"checkstyle"`
	Version string           `xml:"version,attr"`
	Files   []checkstyleFile `xml:"file"`
}

type checkstyleFile struct {
	Name   string            `xml:"name,attr"`
	Errors []checkstyleError `xml:"error"`
}

type checkstyleError struct {
	Line     int    `xml:"line,attr"`
	Column   int    `xml:"column,attr,omitempty"`
	Severity string `xml:"severity,attr"`
	Message  string `xml:"message,attr"`
	Source   string `xml:"source,attr"`
}

// checkstyle renders the review as Checkstyle's XML, which CI servers read. Files are sorted by name. What was not
// reviewed is an error of its file, or of its package where no file is known. Suppressed findings are left out.
func checkstyle(w io.Writer, r *finding.Review, _ []Rule, _ Options) error {
	of := make(map[string][]checkstyleError)
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Suppressed == nil {
			of[f.File] = append(of[f.File], checkstyleError{
				max(1, f.Line), f.Column, level(f.Severity), plain(f.Message) + "\n" + tale(f), f.Rule,
			})
		}
	}
	for _, e := range r.Errors {
		file := cmp.Or(e.File, e.Package, "go.mod")
		of[file] = append(of[file], checkstyleError{max(1, e.Line), 0, "error", "not reviewed: " + errorLine(e), "error/" + e.Kind})
	}
	log := checkstyleLog{Version: "5.0"}
	for name, errors := range of {
		log.Files = append(log.Files, checkstyleFile{name, errors})
	}
	slices.SortFunc(log.Files, func(a, b checkstyleFile) int { return strings.Compare(a.Name, b.Name) })
	return writeXML(w, log)
}

// writeXML writes a document with its header. Characters that XML cannot hold become U+FFFD.
func writeXML(w io.Writer, document any) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(document); err != nil {
		return fmt.Errorf("rendering XML: %w", err)
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(w)
	return err
}
