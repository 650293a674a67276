// SPDX-License-Identifier: Apache-2.0

package load

import "bytes"

// cutBodies overwrites the bodies of top-level functions with blanks, in place and before parsing: the parser spends
// most of its time and memory on what dependencies don't need. Lines stay, so every position outside of bodies is
// exact. It cuts what it is sure of and leaves the rest, so that a form it doesn't know costs time and nothing else:
//
//	func (r *R[T]) Name(a interface{ M() }) struct{ x int } { cut }
//	^ at the start of a line, outside of any bracket      ^ not the brace of a struct or interface type
func cutBodies(src []byte) {
	depth := 0
	for i := 0; i < len(src); {
		switch src[i] {
		case '(', '[', '{':
			depth++
			i++
		case ')', ']', '}':
			depth--
			i++
		case '"', '\'', '`', '/':
			i = skipLiteral(src, i)
		case 'f':
			if depth == 0 && startsFunc(src, i) {
				i = cutBody(src, i+len("func"))
			} else {
				i++
			}
		default:
			i++
		}
	}
}

// startsFunc tells whether the function declaration of a formatted file starts at i.
func startsFunc(src []byte, i int) bool {
	return (i == 0 || src[i-1] == '\n') && (bytes.HasPrefix(src[i:], []byte("func ")) || bytes.HasPrefix(src[i:], []byte("func(")))
}

// cutBody reads the signature that goes on at i, blanks the body after it, and returns where it stopped.
func cutBody(src []byte, i int) int {
	depth := 0
	for i < len(src) {
		switch src[i] {
		case '(', '[':
			depth++
			i++
		case ')', ']':
			depth--
			i++
		case '\n':
			if depth == 0 {
				return i // no body: it is written in assembly
			}
			i++
		case '"', '\'', '`', '/':
			if depth == 0 {
				return i // a comment may stand between a type's keyword and its brace: leave the function alone
			}
			i = skipLiteral(src, i)
		case '{':
			end := skipBraces(src, i)
			if depth == 0 && !endsInTypeKeyword(src[:i]) {
				if src[end-1] == '}' {
					blank(src[i+1 : end-1])
				}
				return end
			}
			i = end
		default:
			i++
		}
	}
	return i
}

// endsInTypeKeyword tells whether a brace that follows belongs to a type.
func endsInTypeKeyword(src []byte) bool {
	src = bytes.TrimRight(src, " \t\r\n")
	for _, keyword := range []string{"struct", "interface"} {
		if rest, ok := bytes.CutSuffix(src, []byte(keyword)); ok && (len(rest) == 0 || !isLetter(rest[len(rest)-1])) {
			return true
		}
	}
	return false
}

// isLetter tells whether c can be part of an identifier; bytes beyond ASCII count as such.
func isLetter(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// skipBraces returns the position after the brace that closes the one at i, or the end of src.
func skipBraces(src []byte, i int) int {
	depth := 0
	for i < len(src) {
		switch src[i] {
		case '{':
			depth++
			i++
		case '}':
			depth--
			i++
			if depth == 0 {
				return i
			}
		case '"', '\'', '`', '/':
			i = skipLiteral(src, i)
		default:
			i++
		}
	}
	return i
}

// skipLiteral returns the position after the string, rune or comment that starts at i, or after a mere slash.
func skipLiteral(src []byte, i int) int {
	switch {
	case src[i] == '`':
		return after(src, i+1, "`")
	case bytes.HasPrefix(src[i:], []byte("//")):
		if end := bytes.IndexByte(src[i:], '\n'); end >= 0 {
			return i + end // the newline ends a signature, so it stays
		}
		return len(src)
	case bytes.HasPrefix(src[i:], []byte("/*")):
		return after(src, i+2, "*/")
	case src[i] == '/':
		return i + 1
	}
	for quote, j := src[i], i+1; j < len(src); j++ {
		switch src[j] {
		case '\\':
			j++
		case quote:
			return j + 1
		case '\n':
			return j // not terminated: the file doesn't compile anyway
		}
	}
	return len(src)
}

// after returns the position after the first end from i on, or the end of src.
func after(src []byte, i int, end string) int {
	if n := bytes.Index(src[i:], []byte(end)); n >= 0 {
		return i + n + len(end)
	}
	return len(src)
}

// blank overwrites all but newlines.
func blank(src []byte) {
	for i, c := range src {
		if c != '\n' {
			src[i] = ' '
		}
	}
}
