// SPDX-License-Identifier: Apache-2.0

package report

import (
	"html/template"
	"strings"
	"unicode"
)

// longWord is the longest word that keeps together, longPart the longest part of one between two signs.
const longWord, longPart = 18, 18

// soft is text whose long words, such as paths and names of methods, can be broken where a reader would: behind a sign, and in a
// long name before a capital letter. It escapes what it is given.
func soft(text string) template.HTML {
	var out strings.Builder
	for _, word := range strings.SplitAfter(text, " ") {
		if letters := []rune(word); len(letters) > longWord {
			softWord(&out, letters)
		} else {
			out.WriteString(template.HTMLEscapeString(word))
		}
	}
	return template.HTML(out.String())
}

func softWord(out *strings.Builder, word []rune) {
	start := 0
	for i := 1; i < len(word); i++ {
		behind := strings.ContainsRune("/._)]", word[i-1]) && (unicode.IsLetter(word[i]) || word[i] == '(') && !strings.HasPrefix(string(word[i:]), "go:")
		hump := unicode.IsLower(word[i-1]) && unicode.IsUpper(word[i]) && partLength(word, start) > longPart
		if behind || hump {
			out.WriteString(template.HTMLEscapeString(string(word[start:i])))
			out.WriteString("<wbr>")
			start = i
		}
	}
	out.WriteString(template.HTMLEscapeString(string(word[start:])))
}

// partLength is how far it is from a letter to the next sign.
func partLength(word []rune, start int) int {
	for i := start; i < len(word); i++ {
		if strings.ContainsRune("/._)]", word[i]) {
			return i - start
		}
	}
	return len(word) - start
}
