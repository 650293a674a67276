// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"net/url"
	"strings"
	"unicode/utf16"

	"github.com/replicavet/replicavet/internal/finding"
)

// location is a place in a function. Zero ends mean that only the start is known.
func (s *sarifWriter) location(file string, line, column, endLine, endColumn int, function string) sarifLocation {
	loc := sarifLocation{Physical: s.physical(file, line, column, endLine, endColumn)}
	if function != "" {
		loc.Logical = []sarifLogical{{function, "function"}}
	}
	return loc
}

// physical is a place in a file, or nil when no file is known.
func (s *sarifWriter) physical(file string, line, column, endLine, endColumn int) *sarifPhysical {
	if file == "" {
		return nil
	}
	p := &sarifPhysical{Artifact: sarifArtifact{fileURI(file)}}
	if line < 1 {
		return p
	}
	p.Region = &sarifRegion{StartLine: line}
	if column > 0 {
		p.Region.StartColumn = s.units(file, line, column)
		if endColumn > 0 && (endLine > line || endLine == line && endColumn >= column) {
			p.Region.EndLine, p.Region.EndColumn = endLine, s.units(file, endLine, endColumn)
		}
	}
	return p
}

// units returns the column of a line in UTF-16 units; the byte column itself when the line is not at hand.
func (s *sarifWriter) units(file string, line, column int) int {
	lines := s.src.of(file)
	if line > len(lines) || column-1 > len(lines[line-1]) {
		return column
	}
	return 1 + utf16Len(lines[line-1][:column-1])
}

func utf16Len(s string) int { return len(utf16.Encode([]rune(s))) }

// fileURI returns a path relative to the reviewed directory as a URI reference: percent-encoded, without a leading
// "./", and with no colon that would make the first folder a scheme.
func fileURI(file string) string {
	segments := strings.Split(file, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), ":", "%3A")
	}
	uri := strings.Join(segments, "/")
	if strings.HasPrefix(uri, "/") {
		return "file://" + uri
	}
	return uri
}

// codeFlows renders the scenario: one code flow with a thread flow for each actor that does something.
func (s *sarifWriter) codeFlows(f *finding.Finding) []sarifCodeFlow {
	var threads []sarifThreadFlow
	for _, a := range actors(f.Scenario) {
		thread := sarifThreadFlow{ID: a.Name}
		if a.Runs != "" {
			thread.Message = &sarifMessage{linkless(a.Name + ": " + a.Runs)}
		}
		for i, step := range f.Scenario.Steps {
			if step.Actor != a.Name {
				continue
			}
			loc := sarifLocation{
				Physical: s.physical(step.File, step.Line, 0, 0, 0),
				Message:  &sarifMessage{linkless(step.Actor + ": " + step.Action)},
			}
			out := sarifFlowStep{Location: loc, Order: i + 1}
			if step.State != "" {
				out.State = map[string]sarifMarkdown{"state": {Text: plain(step.State)}}
			}
			thread.Locations = append(thread.Locations, out)
		}
		if len(thread.Locations) > 0 {
			threads = append(threads, thread)
		}
	}
	if len(threads) == 0 {
		return nil
	}
	return []sarifCodeFlow{{sarifMessage{linkless(cmp.Or(f.Scenario.Outcome, f.Message))}, threads}}
}

// fixes renders the edits; a sketch is for people and stays in the other formats.
func (s *sarifWriter) fixes(f *finding.Finding) []sarifFix {
	if len(f.Fix.Edits) == 0 {
		return nil
	}
	var changes []sarifChange
	at := make(map[string]int)
	for _, e := range f.Fix.Edits {
		i, ok := at[e.File]
		if !ok {
			i = len(changes)
			at[e.File] = i
			changes = append(changes, sarifChange{Artifact: sarifArtifact{fileURI(e.File)}})
		}
		change := sarifReplacement{Deleted: s.editRegion(e)}
		if e.New != "" {
			change.Inserted = &sarifMessage{e.New}
		}
		changes[i].Replacements = append(changes[i].Replacements, change)
	}
	return []sarifFix{{sarifMessage{linkless(f.Fix.Description)}, changes}}
}

// editRegion is the place of the bytes that an edit replaces.
func (s *sarifWriter) editRegion(e finding.Edit) sarifRegion {
	src, err := s.src.content(e.File)
	if err != nil || e.Start < 0 || e.End < e.Start || e.End > len(src) {
		start, length := e.Start, e.End-e.Start
		return sarifRegion{ByteOffset: &start, ByteLength: &length}
	}
	line, column := lineColumn(src, e.Start)
	endLine, endColumn := lineColumn(src, e.End)
	return sarifRegion{StartLine: line, StartColumn: column, EndLine: endLine, EndColumn: endColumn}
}

// lineColumn returns the line of a byte offset and its column in UTF-16 units, both from 1.
func lineColumn(src []byte, offset int) (line, column int) {
	before := string(src[:offset])
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf16Len(before[start:])
}
