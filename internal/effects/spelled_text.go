// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"encoding/json"
	"fmt"
	"go/constant"
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// firstHole stands for the first value that is put into a text: a letter of private use that no data has.
const firstHole = '\uE000'

// template is a text with holes that values are put into.
type template struct {
	text   strings.Builder
	values []ssa.Value
	// at is the call that fills the holes, or the last step that does.
	at ssa.Instruction
}

// text reads data that is spelled as a text: a constant, a format, or pieces that are joined. ok is false when it is none.
func (s *speller) text(v ssa.Value) (ok bool) {
	t := &template{}
	if instr, isInstr := v.(ssa.Instruction); isInstr {
		t.at = instr
	}
	if !t.add(v) {
		return false
	}
	dec := json.NewDecoder(strings.NewReader(t.text.String()))
	dec.UseNumber()
	r := &textReader{s: s, t: t, dec: dec}
	return r.value(nil) && len(s.out.fields) > 0
}

// add appends what a text consists of; false when it is not known.
func (t *template) add(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.Convert:
		return t.add(x.X)
	case *ssa.Const:
		if x.Value == nil || x.Value.Kind() != constant.String {
			return false
		}
		t.text.WriteString(constant.StringVal(x.Value))
		return true
	case *ssa.BinOp:
		return x.Op == token.ADD && t.piece(x.X) && t.piece(x.Y)
	case *ssa.Call:
		target := program.Target(x)
		if target == nil || target.Pkg() == nil || target.Pkg().Path() != "fmt" || target.Name() != "Sprintf" {
			return false
		}
		values, known := program.Variadic(x, 1)
		format, isConst := x.Call.Args[0].(*ssa.Const)
		t.at = x
		return known && isConst && t.format(textOf(format), values)
	}
	return false
}

// piece is a part of a joined text: known, or a hole.
func (t *template) piece(v ssa.Value) bool {
	if op, ok := v.(*ssa.BinOp); ok {
		return t.add(op)
	}
	if c, ok := v.(*ssa.Const); ok {
		return t.add(c)
	}
	t.hole(v)
	return true
}

// hole puts a letter where a value is put: as a text of its own, unless it stands within one.
func (t *template) hole(v ssa.Value) {
	mark := string(rune(firstHole + len(t.values)))
	t.values = append(t.values, v)
	if !quoted(t.text.String()) {
		mark = `"` + mark + `"`
	}
	t.text.WriteString(mark)
}

// quoted tells whether the end of data lies within a text.
func quoted(data string) bool {
	in := false
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			in = !in
		}
	}
	return in
}

// format appends a format with its values.
func (t *template) format(format string, values []ssa.Value) bool {
	next := 0
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			t.text.WriteByte(format[i])
			continue
		}
		if i++; i < len(format) && format[i] == '%' {
			t.text.WriteByte('%')
			continue
		}
		for i < len(format) && strings.IndexByte("+-# 0123456789.", format[i]) >= 0 {
			i++
		}
		if i < len(format) && format[i] == '[' {
			end := strings.IndexByte(format[i:], ']')
			if _, err := fmt.Sscanf(format[i:], "[%d]", &next); err != nil || end < 0 {
				return false
			}
			next--
			i += end + 1
		}
		if i >= len(format) || next < 0 || next >= len(values) {
			return false
		}
		t.hole(values[next])
		next++
	}
	return true
}

// textReader reads the fields of a template.
type textReader struct {
	s   *speller
	t   *template
	dec *json.Decoder
}

// value reads the next value of the data, which keys lead to.
func (r *textReader) value(keys []string) bool {
	tok, err := r.dec.Token()
	if err != nil {
		return false
	}
	switch x := tok.(type) {
	case json.Delim:
		if x == '{' {
			return r.object(keys)
		}
		return r.list(keys)
	default:
		r.leaf(keys, fmt.Sprint(x))
	}
	return true
}

func (r *textReader) object(keys []string) bool {
	for r.dec.More() {
		tok, err := r.dec.Token()
		key, ok := tok.(string)
		if err != nil || !ok {
			return false
		}
		if strings.ContainsFunc(key, r.isHole) {
			key = "*"
		}
		if !r.value(append(keys[:len(keys):len(keys)], key)) {
			return false
		}
	}
	_, err := r.dec.Token()
	return err == nil
}

// list reads a list as one field.
func (r *textReader) list(keys []string) bool {
	var text strings.Builder
	for depth := 1; depth > 0; {
		tok, err := r.dec.Token()
		if err != nil {
			return false
		}
		switch x := tok.(type) {
		case json.Delim:
			if x == '[' || x == '{' {
				depth++
			} else {
				depth--
			}
		default:
			text.WriteString(fmt.Sprint(x))
		}
	}
	r.leaf(keys, text.String())
	return true
}

func (r *textReader) isHole(c rune) bool {
	return c >= firstHole && int(c-firstHole) < len(r.t.values)
}

// leaf is a field whose value is a text, a number, or what is put into its holes.
func (r *textReader) leaf(keys []string, text string) {
	deps := Deps{Constant: true}
	for _, c := range text {
		if r.isHole(c) {
			deps.merge(r.s.e.DepsOf(r.s.fn, r.t.values[c-firstHole]))
		}
	}
	if deps.Constant {
		deps.addString(text)
	}
	r.s.leaf(keys, r.t.at, deps.clipped())
}

// textOf returns a constant text; "*" for another constant.
func textOf(c *ssa.Const) string {
	if c.Value == nil || c.Value.Kind() != constant.String {
		return "*"
	}
	return constant.StringVal(c.Value)
}
