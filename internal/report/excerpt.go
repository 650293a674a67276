// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// sources hands out the reviewed files, each read once.
type sources struct {
	read  func(file string) ([]byte, error)
	files map[string]sourceFile
}

// sourceFile is a file as bytes and as lines without their ends, or why there is none.
type sourceFile struct {
	data  []byte
	lines []string
	err   error
}

// errNoSource is why there are no files when Options has no Source.
var errNoSource = errors.New("the source is not at hand")

func newSources(o Options) *sources { return &sources{o.Source, make(map[string]sourceFile)} }

// of returns the lines of a file; none when it cannot be read.
func (s *sources) of(file string) []string { return s.file(file).lines }

// content returns a file.
func (s *sources) content(file string) ([]byte, error) { f := s.file(file); return f.data, f.err }

func (s *sources) file(name string) sourceFile {
	if s.read == nil {
		return sourceFile{err: errNoSource}
	}
	if f, known := s.files[name]; known {
		return f
	}
	var f sourceFile
	f.data, f.err = s.read(name)
	if f.err == nil {
		for line := range strings.Lines(string(f.data)) {
			f.lines = append(f.lines, strings.TrimRight(line, "\r\n"))
		}
	}
	s.files[name] = f
	return f
}

// quote is a source line as it is shown: indentation shared with its neighbours is gone, tabs are spaces and nothing
// in it steers a terminal. Mark is the part [From, To) in bytes of Text that the finding is about; empty elsewhere.
type quote struct {
	Number   int
	Text     string
	From, To int
}

// linesBefore and linesAfter are how many lines around its own any format quotes with a finding, linesInside how many of
// a finding that spans several.
const linesBefore, linesAfter, linesInside = 4, 2, 4

// excerpt quotes the lines from first to last, and marks from column to endColumn of the line marked (columns count
// bytes from 1; an end that is not beyond the start marks to the end of the line). Blank lines at either end are left out.
func (s *sources) excerpt(file string, first, last, marked, column, endColumn int) []quote {
	lines := s.of(file)
	if marked < 1 || marked > len(lines) {
		return nil
	}
	first, last = max(first, 1), min(last, len(lines))
	for first < marked && strings.TrimSpace(lines[first-1]) == "" {
		first++
	}
	for last > marked && strings.TrimSpace(lines[last-1]) == "" {
		last--
	}
	cut := sharedIndent(lines[first-1 : last])
	var out []quote
	for n := first; n <= last; n++ {
		line := lines[n-1]
		q := quote{Number: n, Text: shown(line[min(cut, len(line)):])}
		if n == marked {
			q.From, q.To = markOf(line, cut, column, endColumn)
		}
		out = append(out, q)
	}
	return out
}

// markOf translates columns of a line into bytes of its shown form.
func markOf(line string, cut, column, endColumn int) (from, to int) {
	end := len(strings.TrimRight(line, " \t"))
	cut = min(cut, end)
	start := runeStart(line, cut, min(max(column-1, cut), end))
	if stop := endColumn - 1; start < stop && stop < end {
		end = runeStart(line, start, stop)
	}
	return len(shown(line[cut:start])), len(shown(line[cut:end]))
}

// runeStart moves the byte offset i of s back to where its rune begins, but not below low.
func runeStart(s string, low, i int) int {
	for i > low && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}

// shown is a line without tabs and without anything that steers a terminal.
func shown(line string) string { return plain(expand(line)) }

// sharedIndent returns how many bytes of white space all lines that are not blank begin with.
func sharedIndent(lines []string) int {
	var shared string
	seen := false
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if !seen {
			shared, seen = indent, true
		}
		for !strings.HasPrefix(indent, shared) {
			shared = shared[:len(shared)-1]
		}
	}
	return len(shared)
}
