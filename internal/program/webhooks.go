// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/token"
	"os"
	"strings"
)

// Webhook is the registration of an admission webhook: what the API server asks it about.
type Webhook struct {
	// Path is the URL path that is called, such as /validate-apps-example-com-v1-thing; it may be missing.
	Path string
	// Mutating is set for webhooks that change what they are shown.
	Mutating bool
	// Groups and Resources are those of its rules, as written: stays, stays/status, */*.
	Groups, Resources []string
	// File and Line say where it is registered; Pos is set where that is Go code.
	File string
	Line int
	Pos  token.Pos
}

// Webhooks returns the registrations that the reviewed tree shows: +kubebuilder:webhook markers in the comments of own
// code, then webhook configurations in YAML files, in the order of file names and lines.
func (p *Program) Webhooks() []*Webhook {
	if p.webhooks == nil {
		p.webhooks = append(p.markedWebhooks(), p.writtenWebhooks()...)
		if p.webhooks == nil {
			p.webhooks = []*Webhook{}
		}
	}
	return p.webhooks
}

const webhookMarker = "+kubebuilder:webhook:"

// markedWebhooks reads the markers in comments.
func (p *Program) markedWebhooks() []*Webhook {
	var out []*Webhook
	for _, pkg := range p.Code.Packages {
		for _, f := range pkg.Files {
			if f.Test {
				continue
			}
			for _, group := range f.Syntax.Comments {
				for _, c := range group.List {
					text := strings.TrimSpace(strings.TrimPrefix(c.Text, "//"))
					if args, ok := strings.CutPrefix(text, webhookMarker); ok {
						w := parseMarker(args)
						w.Pos = c.Pos()
						w.File, w.Line, _ = p.Position(c.Pos())
						out = append(out, w)
					}
				}
			}
		}
	}
	return out
}

// parseMarker reads key=value pairs separated by commas; lists are separated by semicolons and may be quoted.
func parseMarker(args string) *Webhook {
	w := &Webhook{}
	for field := range strings.SplitSeq(args, ",") {
		key, value, _ := strings.Cut(field, "=")
		value = strings.Trim(strings.TrimSpace(value), `"{}`)
		switch strings.TrimSpace(key) {
		case "path":
			w.Path = value
		case "mutating":
			w.Mutating = value == "true"
		case "groups":
			w.Groups = strings.Split(value, ";")
		case "resources":
			w.Resources = strings.Split(value, ";")
		}
	}
	return w
}

// writtenWebhooks reads webhook configurations from the YAML files below the reviewed directory.
func (p *Program) writtenWebhooks() []*Webhook {
	var out []*Webhook
	for _, path := range Manifests(p.Code.Root) {
		data, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(data), "WebhookConfiguration") {
			continue
		}
		out = append(out, parseWebhooks(p.RelPath(path), string(data))...)
	}
	return out
}

// parseWebhooks reads the webhooks of the configurations in a YAML stream. It understands the block style that
// controller-gen and people write, templates included, and no more: a list of rules with resources, a path.
func parseWebhooks(file, text string) []*Webhook {
	var out []*Webhook
	var w *Webhook
	mutating, inside, list := false, false, ""
	itemIndent := -1
	n := 0
	for line := range strings.Lines(text) {
		n++
		trimmed := strings.TrimSpace(line)
		indent := len(line) - len(strings.TrimLeft(line, " "))
		switch {
		case strings.HasPrefix(line, "---"):
			inside, w = false, nil
			continue
		case strings.HasPrefix(line, "kind:"):
			mutating = strings.Contains(line, "MutatingWebhookConfiguration")
			inside = mutating || strings.Contains(line, "ValidatingWebhookConfiguration")
			w, itemIndent = nil, -1
			continue
		case !inside || trimmed == "" || strings.HasPrefix(trimmed, "#"):
			continue
		case strings.HasPrefix(trimmed, "webhooks:"):
			itemIndent, list = -2, "" // the next dash starts the items
			continue
		}
		if itemIndent == -2 && strings.HasPrefix(trimmed, "-") {
			itemIndent = indent
		}
		if itemIndent >= 0 && indent == itemIndent && strings.HasPrefix(trimmed, "-") {
			w = &Webhook{Mutating: mutating, File: file, Line: n}
			out = append(out, w)
		}
		if w != nil {
			list = w.yamlLine(strings.TrimSpace(strings.TrimPrefix(trimmed, "- ")), strings.HasPrefix(trimmed, "- "), list)
		}
	}
	return out
}

// yamlLine takes one line of a webhook's item; list is the key whose items are being read, and is returned for the next.
func (w *Webhook) yamlLine(text string, dash bool, list string) string {
	key, value, pair := strings.Cut(text, ":")
	if !pair {
		if dash {
			w.yamlItem(list, text)
		}
		return list
	}
	value = strings.TrimSpace(value)
	switch key {
	case "path":
		w.Path = strings.Trim(value, `"'`)
	case "resources", "apiGroups":
		for item := range strings.SplitSeq(strings.Trim(value, "[]"), ",") {
			w.yamlItem(key, item)
		}
		return key
	}
	return key
}

func (w *Webhook) yamlItem(list, item string) {
	item = strings.Trim(strings.TrimSpace(item), `"'`)
	if item == "" {
		return
	}
	switch list {
	case "resources":
		w.Resources = append(w.Resources, item)
	case "apiGroups":
		w.Groups = append(w.Groups, item)
	}
}

// Covers tells whether the webhook is asked about a resource, such as stays or stays/status.
func (w *Webhook) Covers(resource string) bool {
	name, sub, _ := strings.Cut(resource, "/")
	for _, r := range w.Resources {
		rName, rSub, _ := strings.Cut(r, "/")
		if (rName == "*" || rName == name) && (rSub == sub || rSub == "*" && sub != "" || r == "*/*") {
			return true
		}
	}
	return false
}
