// SPDX-License-Identifier: Apache-2.0

package load

import "bytes"

// header returns what the go command reads of a file to tell which package it belongs to, when it is built and what it
// imports: all up to the end of the imports, and the lines that embed files.
func header(src []byte) []byte {
	end := headerEnd(src)
	head, rest := src[:end:end], src[end:]
	embed := []byte("//go:embed")
	for {
		i := bytes.Index(rest, embed)
		if i < 0 {
			return head
		}
		line, after, _ := bytes.Cut(rest[i:], []byte("\n"))
		head, rest = append(append(head, '\n'), line...), after
	}
}

// headerEnd returns the position after the last import. It errs to the far side: what it does not know is header.
//
//	comments  package name  import "a"  import ( "b"; "c" )  | anything else
func headerEnd(src []byte) int {
	end := 0
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';':
			i++
		case c == '/':
			i = skipLiteral(src, i)
		case startsWord(src[i:], "package"):
			i = skipClause(src, i+len("package"))
			end = i
		case startsWord(src[i:], "import"):
			i = skipClause(src, i+len("import"))
			end = i
		case bytes.HasPrefix(src[i:], []byte("\ufeff")):
			i += len("\ufeff")
		default:
			return end
		}
	}
	return len(src)
}

// startsWord tells whether src starts with the given keyword.
func startsWord(src []byte, word string) bool {
	return bytes.HasPrefix(src, []byte(word)) && (len(src) == len(word) || !isLetter(src[len(word)]))
}

// skipClause returns the end of a package or import clause whose keyword ends at i: the closing bracket, or the end of
// the line or statement once there was something on it.
func skipClause(src []byte, i int) int {
	depth, some := 0, false
	for i < len(src) {
		switch c := src[i]; {
		case c == '(':
			depth++
			i++
		case c == ')':
			depth--
			i++
			if depth <= 0 {
				return i
			}
		case c == '"' || c == '`' || c == '\'' || c == '/':
			some = some || c != '/'
			i = skipLiteral(src, i)
		case (c == '\n' || c == ';') && depth == 0 && some:
			return i
		default:
			some = some || isLetter(c)
			i++
		}
	}
	return i
}
