// SPDX-License-Identifier: Apache-2.0

package review

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
)

// configVersion is the version of the configuration's form.
const configVersion = "1"

// parser reads the nodes of a configuration, so that every complaint has its line.
type parser struct {
	file string
	errs []error
}

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.file, n.Line, fmt.Sprintf(format, args...)))
}

// parseConfig reads a configuration. It is strict: an unknown key, a wrong type or an unknown rule is an error, so that
// no typing error switches anything off in silence.
func parseConfig(file string, data []byte) (*Config, error) {
	c := &Config{File: file, Lines: make(map[string]int)}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	p := &parser{file: file}
	if len(doc.Content) == 0 {
		return nil, fmt.Errorf("%s: is empty: begin with `version: 1`", file)
	}
	top := doc.Content[0]
	p.mapping(top, map[string]func(*yaml.Node){
		"version": func(n *yaml.Node) {
			if n.Value != configVersion {
				p.fail(n, "version %q: this program reads version %s", n.Value, configVersion)
			}
		},
		"strict":   func(n *yaml.Node) { p.boolean(n, &c.Strict) },
		"tests":    func(n *yaml.Node) { p.boolean(n, &c.Tests) },
		"tags":     func(n *yaml.Node) { p.text(n, &c.Tags) },
		"show":     func(n *yaml.Node) { p.severity(n, &c.Show) },
		"fail":     func(n *yaml.Node) { p.threshold(n, &c.Fail) },
		"baseline": func(n *yaml.Node) { p.text(n, &c.Baseline) },
		"rules":    func(n *yaml.Node) { p.rules(n, c) },
		"ignore":   func(n *yaml.Node) { p.ignores(n, c) },
		"calls":    func(n *yaml.Node) { p.calls(n, c) },
		"entries":  func(n *yaml.Node) { p.entries(n, c) },
	}, func(key string, n *yaml.Node) { c.Lines[key] = n.Line })
	if _, ok := c.Lines["version"]; !ok && len(p.errs) == 0 {
		p.fail(top, "no version: begin with `version: 1`")
	}
	return c, errors.Join(p.errs...)
}

// mapping calls the function of each key with its value, and complains about keys that have none or come twice.
func (p *parser) mapping(n *yaml.Node, keys map[string]func(*yaml.Node), seen func(key string, n *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, "a mapping is wanted here, key: value")
		return
	}
	had := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := keys[key.Value]
		switch {
		case !ok:
			p.fail(key, "unknown key %q: use %s", key.Value, legal(keys))
		case had[key.Value]:
			p.fail(key, "key %q comes twice", key.Value)
		default:
			if seen != nil {
				seen(key.Value, key)
			}
			read(value)
		}
		had[key.Value] = true
	}
}

func (p *parser) text(n *yaml.Node, into *string) {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		p.fail(n, "a text is wanted here")
		return
	}
	*into = n.Value
}

func (p *parser) boolean(n *yaml.Node, into *bool) {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		p.fail(n, "use true or false")
		return
	}
	*into = n.Value == "true"
}

func (p *parser) severity(n *yaml.Node, into *string) {
	if _, err := finding.ParseSeverity(n.Value); n.Kind != yaml.ScalarNode || err != nil {
		p.fail(n, "unknown severity %q: use medium, high or critical", n.Value)
		return
	}
	*into = n.Value
}

func (p *parser) threshold(n *yaml.Node, into *string) {
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		*into = n.Value
		return
	}
	p.severity(n, into)
}

// rules reads the decisions about rules: rule: off, on, or a severity.
func (p *parser) rules(n *yaml.Node, c *Config) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, "a mapping is wanted here, such as `rmw/unlocked-patch: off`")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		d := RuleDecision{Rule: key.Value, Line: key.Line}
		p.rule(key)
		switch severity, err := finding.ParseSeverity(value.Value); {
		case value.Kind != yaml.ScalarNode:
			p.fail(value, "use off, on, medium, high or critical")
		case value.Value == "off":
			d.Off = true
		case value.Value == "on":
		case err != nil:
			p.fail(value, "%q: use off, on, medium, high or critical", value.Value)
		default:
			d.Severity = severity
		}
		c.Rules = append(c.Rules, d)
	}
}

func (p *parser) rule(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || !known(n.Value) || n.Value == "" {
		p.fail(n, "unknown rule %q: name a rule or a family, `replicavet rules` lists them", n.Value)
	}
}

// ignores reads the list of findings to live with.
func (p *parser) ignores(n *yaml.Node, c *Config) {
	for _, item := range p.list(n) {
		one := Ignore{Line: item.Line}
		p.mapping(item, map[string]func(*yaml.Node){
			"rules": func(n *yaml.Node) {
				for _, word := range p.list(n) {
					p.rule(word)
					one.Rules = append(one.Rules, word.Value)
				}
			},
			"paths": func(n *yaml.Node) {
				for _, word := range p.list(n) {
					if _, err := matchPath(word.Value, "x"); err != nil {
						p.fail(word, "%q is no pattern: use * within a name and ** across directories", word.Value)
					}
					one.Paths = append(one.Paths, word.Value)
				}
			},
			"function": func(n *yaml.Node) {
				p.text(n, &one.Function)
			},
			"until": func(n *yaml.Node) {
				p.text(n, &one.Until)
				if _, err := time.Parse(time.DateOnly, one.Until); err != nil {
					p.fail(n, "%q is no date: write it as 2027-01-31", n.Value)
				}
			},
			"reason": func(n *yaml.Node) { p.text(n, &one.Reason) },
		}, nil)
		if one.Reason == "" {
			p.fail(item, "no reason: say why these findings may stay")
		}
		c.Ignore = append(c.Ignore, one)
	}
}

// calls reads what calls of libraries are like. The API model learns them at once, and complains if it does not know
// what they are to be like.
func (p *parser) calls(n *yaml.Node, c *Config) {
	for _, item := range p.list(n) {
		one := Call{Line: item.Line}
		p.mapping(item, map[string]func(*yaml.Node){
			"name": func(n *yaml.Node) { p.text(n, &one.Name) },
			"like": func(n *yaml.Node) { p.text(n, &one.Like) },
		}, nil)
		if err := kube.Learn(one.Name, one.Like); err != nil {
			p.fail(item, "%v", err)
			continue
		}
		c.Calls = append(c.Calls, one)
	}
}

// runs are the domains that an entry point can be told to run in.
var runs = []program.Domain{program.EveryReplica, program.LeaderOnly, program.StartUp}

// entries reads entry points that the program is not known to have.
func (p *parser) entries(n *yaml.Node, c *Config) {
	for _, item := range p.list(n) {
		one := program.Declared{File: c.File, Line: item.Line}
		p.mapping(item, map[string]func(*yaml.Node){
			"name": func(n *yaml.Node) {
				ok := false
				if one.Pkg, one.Recv, one.Name, ok = kube.ParseSymbol(n.Value); !ok {
					p.fail(n, "%q is no function or method: write it as example.com/lib/plugin.Handler.Handle", n.Value)
				}
			},
			"runs": func(n *yaml.Node) {
				i := slices.IndexFunc(runs, func(d program.Domain) bool { return d.String() == n.Value })
				if i < 0 {
					p.fail(n, "%q: use every-replica, leader-only or start-up", n.Value)
					return
				}
				one.Domain = runs[i]
			},
			"parallel": func(n *yaml.Node) { p.boolean(n, &one.Parallel) },
		}, nil)
		if len(p.errs) == 0 && (one.Name == "" || one.Domain == program.Unknown) {
			p.fail(item, "an entry point needs a name, and where it runs: every-replica, leader-only or start-up")
		}
		c.Entries = append(c.Entries, one)
	}
}

// list returns the items of a list.
func (p *parser) list(n *yaml.Node) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		p.fail(n, "a list is wanted here")
		return nil
	}
	return n.Content
}

// matchPath tells whether a slashed path matches a pattern, in which ** stands for any number of directories.
func matchPath(pattern, name string) (bool, error) {
	return matchElems(strings.Split(pattern, "/"), strings.Split(name, "/"))
}

func matchElems(pattern, name []string) (bool, error) {
	if len(pattern) == 0 {
		return len(name) == 0, nil
	}
	if pattern[0] == "**" {
		for i := range len(name) + 1 {
			if ok, err := matchElems(pattern[1:], name[i:]); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	}
	if len(name) == 0 {
		_, err := path.Match(pattern[0], "")
		return false, err
	}
	ok, err := path.Match(pattern[0], name[0])
	if err != nil || !ok {
		return false, err
	}
	return matchElems(pattern[1:], name[1:])
}
