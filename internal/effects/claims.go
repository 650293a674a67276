// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Manager is the field manager that a write is sent under.
type Manager struct {
	// Value is the option or field that names it; nil when none is given.
	Value ssa.Value
	Text  Text
	// Unknown is set when options come from where the code does not show.
	Unknown bool
}

// Absent tells whether no manager is named at all.
func (m Manager) Absent() bool { return m.Value == nil && !m.Unknown }

// Claim is a write to the API with what it owns afterwards: a server-side apply, or another write under a named manager.
type Claim struct {
	Story *Story
	Entry *Entry
	// Apply is set for a server-side apply.
	Apply bool
	// Sub is the subresource that is written; "" for the object itself.
	Sub     string
	Manager Manager
	Force   bool
	// Name is what the object's name is made of, NameDeps what it depends on in the function of the story.
	Name     Text
	NameDeps Deps
	// Fields are the paths that are sent, sorted. Whole is set when there are no others.
	Fields []string
	Whole  bool
}

// Site is the request.
func (c *Claim) Site() ssa.CallInstruction { return c.Entry.Site }

// Func is the function that sends the request.
func (c *Claim) Func() *ssa.Function { return c.Entry.Site.Parent() }

// Kind is the kind of the object, its name empty when only the value knows.
func (c *Claim) Kind() kube.Kind {
	if c.Entry.Kind.Name != "" || c.Type() == nil {
		return c.Entry.Kind
	}
	k, _ := kube.KindOf(c.Type())
	return k
}

// AnyKind tells whether the applied object's kind is a value: its type is Unstructured, or an interface that own code
// gives nothing else.
func (e *Effects) AnyKind(c *Claim) bool {
	if k := c.Kind(); k.Name != "" || k.Form != "" {
		return k.Name == "" && k.Form == kube.Unstructured
	}
	held, whole := e.Program.HeldTypes(program.Argument(c.Site(), c.Entry.Call.Object))
	return whole && !slices.ContainsFunc(held, func(t types.Type) bool {
		k, ok := kube.KindOf(t)
		return !ok || k.Form != kube.Unstructured
	})
}

// Claims returns the claims of the program, outside of tests, in the order of the ledger.
func (e *Effects) Claims() []*Claim {
	if e.claims != nil {
		return e.claims
	}
	e.claims = []*Claim{}
	for _, row := range e.Ledger() {
		fn := row.Site.Parent()
		if e.Program.InTest(fn) || e.Program.TestSupport(fn) || e.Program.Generated(fn) {
			continue
		}
		for _, s := range row.Stories {
			if !e.Program.InTest(s.Func) && !e.Program.TestSupport(s.Func) {
				e.claims = append(e.claims, e.claim(row, s))
			}
		}
	}
	return e.claims
}

func (e *Effects) claim(row *Entry, s *Story) *Claim {
	c := &Claim{Story: s, Entry: row, Sub: subresource(row.Call)}
	patch := s.Write.Patch
	c.Apply = patch != nil && patch.Type == ApplyPatch
	c.Force = patch != nil && patch.Force
	c.Manager = e.ManagerOf(row.Site, row.Call, s.Write.Client)
	e.describe(c)
	return c
}

// subresource names what a row writes to, as far as the row says.
func subresource(row *kube.Call) string {
	switch row.Effect {
	case kube.UpdateStatus, kube.PatchStatus, kube.ApplyStatus:
		return "status"
	case kube.UpdateSubresource, kube.PatchSubresource, kube.ApplySubresource, kube.CreateSubresource:
		if row.Subresource != "" && row.Subresource != kube.SubresourceByReceiver {
			return row.Subresource
		}
		return "status" // client.SubResource names it by value; nearly always the status
	}
	return ""
}

// ManagerOf answers under which manager a request is sent: its own options, or the client that was made with one.
func (e *Effects) ManagerOf(site ssa.CallInstruction, row *kube.Call, client ssa.Value) Manager {
	p := &Patch{}
	e.readOptions(site, p)
	if p.Manager != nil {
		return Manager{Value: p.Manager, Text: e.TextOf(p.Manager)}
	}
	if _, ok := program.Variadic(site, row.Options); !ok && variadic(site) {
		return Manager{Unknown: true}
	}
	for _, arg := range site.Common().Args {
		if program.IsNamed(arg.Type(), metaPath, "ApplyOptions") || program.IsNamed(arg.Type(), metaPath, "PatchOptions") {
			if _, whole := e.Program.FieldOf(arg, "FieldManager"); !whole {
				return Manager{Unknown: true}
			}
		}
	}
	for _, src := range e.Program.SourcesUntil(client, isOwnedClient).Values {
		if call, ok := src.(*ssa.Call); ok && isOwnedClient(call) {
			args := call.Call.Args
			return Manager{Value: args[len(args)-1], Text: e.TextOf(args[len(args)-1])}
		}
	}
	return Manager{}
}

func variadic(site ssa.CallInstruction) bool {
	sig := site.Common().Signature()
	return sig.Variadic()
}

// isOwnedClient recognises client.WithFieldOwner(c, owner).
func isOwnedClient(v ssa.Value) bool {
	call, ok := v.(*ssa.Call)
	if !ok {
		return false
	}
	t := program.Target(call)
	return t != nil && t.Name() == "WithFieldOwner" && t.Pkg() != nil && t.Pkg().Path() == "sigs.k8s.io/controller-runtime/pkg/client"
}

// describe fills in name and fields: from the chain of an apply configuration, or from the story of a typed object.
func (e *Effects) describe(c *Claim) {
	w := c.Story.Write
	if w.Root == nil {
		return
	}
	fields := &fieldWalk{e: e, out: make(map[string]bool), seen: make(map[ssa.Value]bool), whole: true}
	if c.Kind().Form == kube.ApplyConfiguration {
		fields.config(w.Root, "")
		c.Name = fields.name
	} else {
		fields.whole = c.Story.Complete && len(c.Story.Reads()) == 0
		for _, ch := range c.Story.Changes() {
			switch ch.Path {
			case "Name":
				if st, ok := ch.Origin.(*ssa.Store); ok {
					e.named(c, st.Val)
				}
			case "": // the whole of its metadata
				if st, ok := ch.Origin.(*ssa.Store); ok && program.IsNamed(st.Val.Type(), metaPath, "ObjectMeta") {
					if names, _ := e.Program.FieldOf(st.Val, "Name"); len(names) == 1 {
						e.named(c, names[0])
					}
				}
			case "Namespace", "APIVersion", "Kind", "TypeMeta":
			default:
				if c.Sub == "status" && !strings.HasPrefix(ch.Path, "Status") && c.Kind().Form == kube.Typed {
					continue // the server takes nothing but the status from this request
				}
				fields.out[ch.Path] = true
				if st, ok := ch.Origin.(*ssa.Store); ok {
					fields.keys(st.Val, ch.Path)
				}
			}
		}
	}
	for f := range fields.out {
		c.Fields = append(c.Fields, f)
	}
	slices.Sort(c.Fields)
	c.Whole = fields.whole && len(c.Fields) > 0
}

func (e *Effects) named(c *Claim, name ssa.Value) {
	c.Name = e.TextOf(name)
	if fn := name.Parent(); fn != nil {
		c.NameDeps = e.DepsOf(fn, name)
	}
}

// SameObject tells whether two claims can be told to write one object: their names are made of the same, or both write
// the status of an own kind, whose objects have one name for both.
func (e *Effects) SameObject(a, b *Claim) bool {
	if !a.Kind().Same(b.Kind()) || a.Kind().Name == "" || a.Sub != b.Sub {
		return false
	}
	if a.Sub == "status" && e.Program.OwnType(a.Story.Write.Type) && e.Program.OwnType(b.Story.Write.Type) {
		return true
	}
	return !a.Name.Partial && !b.Name.Partial && len(a.Name.Forms) > 0 && slices.Equal(a.Name.Forms, b.Name.Forms)
}

// Type is the Go type of the written object.
func (c *Claim) Type() types.Type { return c.Story.Write.Type }
