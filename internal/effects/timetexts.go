// SPDX-License-Identifier: Apache-2.0

package effects

import (
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

// Embedded tells whether a text is put between others by a format: it is a piece of something that is no time.
func (t TimeText) Embedded() bool {
	for _, ref := range refs(t.At) {
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

// ClaimsUTC tells whether the layout of a text says UTC or Z as fixed letters, whatever zone the time is in.
func (t TimeText) ClaimsUTC() bool {
	rest := strings.NewReplacer("Z07:00:00", "", "Z07:00", "", "Z070000", "", "Z0700", "", "Z07", "").Replace(t.Layout)
	return strings.HasSuffix(rest, "Z") || strings.Contains(rest, "UTC") || strings.Contains(rest, "GMT")
}

// NamesZone tells whether the text tells the offset or the name of its zone.
func (t TimeText) NamesZone() bool {
	return t.Layout == "" || strings.Contains(t.Layout, "Z07") || strings.Contains(t.Layout, "-07") || strings.Contains(t.Layout, "MST")
}
