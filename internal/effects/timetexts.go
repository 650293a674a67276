// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// TimeText is a call that turns a point in time into text.
type TimeText struct {
	At *ssa.Call
	// Time is the value that is shown.
	Time ssa.Value
	// Layout is the layout of Format; "" where it is not constant, or the text is made by String or by package fmt.
	Layout string
	// Local is the origin that makes the text depend on the zone of the process.
	Local Moment
	// Fates are where the text gets stored.
	Fates []Fate
}

// LocalTexts returns the texts of own code that show a time in the zone of the process and get stored, in source order.
func (e *Effects) LocalTexts() []TimeText {
	var out []TimeText
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.Generated(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			if !ok {
				continue
			}
			for _, shown := range e.shownTimes(call) {
				out = e.localText(out, call, shown)
			}
		}
	}
	return out
}

func (e *Effects) localText(out []TimeText, call *ssa.Call, shown ssa.Value) []TimeText {
	for _, m := range e.Moments(shown) {
		if m.Zone != ZoneLocal {
			continue
		}
		text := TimeText{At: call, Time: shown, Local: m, Layout: e.layoutOf(call), Fates: e.Fates(call)}
		if len(text.Fates) > 0 {
			return append(out, text)
		}
		return out
	}
	return out
}

// shownTimes returns the times that a call makes text of: the receiver of Format and String, the arguments of fmt.
func (e *Effects) shownTimes(call *ssa.Call) []ssa.Value {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil {
		return nil
	}
	switch target.Pkg().Path() {
	case "time", "k8s.io/apimachinery/pkg/apis/meta/v1":
		recv := program.Receiver(call)
		if recv != nil && isMoment(recv.Type()) && (target.Name() == "Format" || target.Name() == "String") {
			return []ssa.Value{recv}
		}
	case "fmt":
		if !strings.HasPrefix(target.Name(), "Sprint") || len(call.Call.Args) == 0 {
			return nil
		}
		elements, _ := program.Elements(call.Call.Args[len(call.Call.Args)-1])
		var out []ssa.Value
		for _, el := range elements {
			if inner := stripped(el); isMoment(inner.Type()) {
				out = append(out, inner)
			}
		}
		return out
	}
	return nil
}

func (e *Effects) layoutOf(call *ssa.Call) string {
	target := program.Target(call)
	if target.Name() != "Format" {
		return ""
	}
	layouts, ok := e.Program.String(call.Call.Args[len(call.Call.Args)-1])
	if !ok || len(layouts) != 1 {
		return ""
	}
	return layouts[0]
}

// Embedded tells whether a text is put between others by a format, a join or a sum: it is a piece of something that is no time.
func (t TimeText) Embedded() bool {
	for _, ref := range refs(t.At) {
		switch x := ref.(type) {
		case *ssa.BinOp:
			_, fixed := otherThan(x, t.At).(*ssa.Const)
			if x.Op == token.ADD && !fixed {
				return true
			}
		case *ssa.Store:
			if at, ok := x.Addr.(*ssa.IndexAddr); ok && x.Val == t.At && amongOthers(at) {
				return true
			}
		}
		boxed, ok := ref.(*ssa.MakeInterface)
		if !ok {
			continue
		}
		for _, use := range refs(boxed) {
			store, ok := use.(*ssa.Store)
			if !ok {
				continue
			}
			if at, ok := store.Addr.(*ssa.IndexAddr); ok && amongOthers(at) {
				return true
			}
		}
	}
	return false
}

// otherThan returns the other operand of an operator.
func otherThan(op *ssa.BinOp, v ssa.Value) ssa.Value {
	if op.X == v {
		return op.Y
	}
	return op.X
}

// amongOthers tells whether an element is one of several.
func amongOthers(at *ssa.IndexAddr) bool {
	others := 0
	for _, ref := range refs(at.X) {
		if _, ok := ref.(*ssa.IndexAddr); ok {
			others++
		}
	}
	return others > 1
}

// ParsedAgain tells whether own code reads a time from text by the layout that a text was made with.
func (e *Effects) ParsedAgain(t TimeText) bool {
	if e.parsed == nil {
		e.parsed = make(map[string]bool)
		for _, fn := range e.Program.Funcs {
			if e.Program.InTest(fn) {
				continue
			}
			for site := range program.Sites(fn) {
				target := program.Target(site)
				if target == nil || target.Pkg() == nil || target.Pkg().Path() != "time" || target.Name() != "Parse" && target.Name() != "ParseInLocation" {
					continue
				}
				layouts, _ := e.Program.String(site.Common().Args[0])
				for _, layout := range layouts {
					e.parsed[layout] = true
				}
			}
		}
	}
	return e.parsed[t.Layout]
}

// ClaimsUTC tells whether the layout of a text says UTC or Z as fixed letters, whatever zone the time is in.
func (t TimeText) ClaimsUTC() bool {
	rest := strings.NewReplacer("Z07:00:00", "", "Z07:00", "", "Z070000", "", "Z0700", "", "Z07", "").Replace(t.Layout)
	return strings.HasSuffix(rest, "Z") || strings.Contains(rest, "UTC") || strings.Contains(rest, "GMT")
}

// NamesZone tells whether the text tells the offset or the name of its zone.
func (t TimeText) NamesZone() bool {
	return t.Layout == "" || strings.Contains(t.Layout, "Z07") || strings.Contains(t.Layout, "-07") || strings.Contains(t.Layout, "MST")
}
