// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

var (
	//go:embed html.tmpl
	htmlTemplate string
	//go:embed html.css
	htmlStyle string
)

// html renders the review as one page that needs nothing else: no network, and no script to read or to filter it. The
// template, and soft in it, escape everything that comes from the review.
func html(w io.Writer, r *finding.Review, rules []Rule, o Options) error {
	t, err := template.New("page").Funcs(template.FuncMap{"soft": soft}).Parse(htmlTemplate)
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newHTMLPage(r, rules, o)); err != nil {
		return fmt.Errorf("rendering HTML: %w", err)
	}
	_, err = b.WriteTo(w)
	return err
}

// htmlPage is what the template shows. All strings are plain text.
type htmlPage struct {
	Style       template.CSS
	Tool        string
	Tally       string
	Denominator string
	Silenced    string
	Modules     []string
	Complete    bool
	Errors      []htmlError
	Severities  []htmlChoice
	Families    []htmlChoice
	Domains     []htmlChoice
	Findings    []htmlFinding
	Shown       int
	Suppressed  int
	Map         []htmlMapGroup
	Ledger      []htmlLedgerGroup
	Rules       []htmlRule
}

// htmlChoice is a value to filter findings by. Class is a name that the page makes, never one of the review.
type htmlChoice struct {
	Name, Class string
	Count       int
}

type htmlError struct{ Place, Kind, Message string }

// htmlRule is a rule that has findings, or that only findings name.
type htmlRule struct{ ID, Anchor, Title, Page string }

// newHTMLPage brings the review into the form of the page.
func newHTMLPage(r *finding.Review, rules []Rule, o Options) *htmlPage {
	p := &htmlPage{
		Style:       template.CSS(htmlStyle),
		Tool:        plain(strings.TrimSpace(cmp.Or(r.Tool.Name, "replicavet") + " " + r.Tool.Version)),
		Tally:       tally(r),
		Denominator: denominator(r),
		Silenced:    silenced(r),
		Complete:    len(r.Errors) == 0,
		Map:         htmlMap(r.Map),
		Ledger:      htmlLedger(r.Ledger),
	}
	for _, module := range r.Stats.Modules {
		p.Modules = append(p.Modules, plain(module))
	}
	for _, e := range r.Errors {
		p.Errors = append(p.Errors, htmlError{errorPlace(e), plain(e.Kind), plain(e.Message)})
	}
	p.choices(r)
	p.rules(r, rules)
	src := newSources(o)
	for i := range r.Findings {
		p.Findings = append(p.Findings, p.finding(&r.Findings[i], src))
	}
	return p
}

// choices counts the findings by what they can be filtered by.
func (p *htmlPage) choices(r *finding.Review) {
	for i := range r.Findings {
		if r.Findings[i].Suppressed != nil {
			p.Suppressed++
		} else {
			p.Shown++
		}
	}
	for _, s := range severities() {
		n := 0
		for i := range r.Findings {
			if f := &r.Findings[i]; f.Suppressed == nil && severityClass(f.Severity) == severityClass(s) {
				n++
			}
		}
		if n > 0 {
			p.Severities = append(p.Severities, htmlChoice{strings.ToLower(s.String()), severityClass(s), n})
		}
	}
	p.Families = choicesOf(r, "family", func(f *finding.Finding) string { return family(f.Rule) })
	p.Domains = choicesOf(r, "domain", func(f *finding.Finding) string { return domainName(f.Domain.Kind) })
}

// choicesOf returns the values of the findings that are not suppressed, in order of appearance.
func choicesOf(r *finding.Review, prefix string, value func(*finding.Finding) string) []htmlChoice {
	var out []htmlChoice
	at := make(map[string]int)
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Suppressed != nil {
			continue
		}
		name := plain(value(f))
		if _, ok := at[name]; !ok {
			at[name] = len(out)
			out = append(out, htmlChoice{Name: name, Class: fmt.Sprintf("%s-%d", prefix, len(out)+1)})
		}
		out[at[name]].Count++
	}
	return out
}

// rules collects the pages of the rules that found something.
func (p *htmlPage) rules(r *finding.Review, rules []Rule) {
	found := make(map[string]bool)
	for _, f := range r.Findings {
		found[f.Rule] = true
	}
	for _, rule := range rules {
		if found[rule.ID] {
			p.Rules = append(p.Rules, htmlRule{plain(rule.ID), fmt.Sprintf("rule-%d", len(p.Rules)+1), plain(rule.Title), rule.Page})
		}
	}
}

// severityClass is the class of a severity in the style sheet.
func severityClass(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return "critical"
	case finding.High:
		return "high"
	}
	return "medium"
}

// domainName is a domain as a label.
func domainName(kind string) string {
	switch kind {
	case "every-replica":
		return "every replica"
	case "leader-only":
		return "leader only"
	case "start-up":
		return "start-up"
	case "test":
		return "tests"
	case "unknown", "":
		return "unknown"
	}
	return kind
}

// domainClass is the class of a domain in the style sheet.
func domainClass(kind string) string {
	switch kind {
	case "every-replica", "leader-only", "start-up", "test":
		return kind
	}
	return "unknown"
}
