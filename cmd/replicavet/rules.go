// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/rule"
	"github.com/replicavet/replicavet/internal/rules"
)

// listedRule is a rule as `rules -format json` has it.
type listedRule struct {
	ID        string           `json:"id"`
	Title     string           `json:"title"`
	Section   string           `json:"section"`
	Checklist []string         `json:"checklist"`
	Severity  finding.Severity `json:"severity"`
	Strict    bool             `json:"strict"`
	Since     string           `json:"since"`
}

func runRules(_ context.Context, inv *invocation) int {
	if len(inv.args) > 0 {
		return inv.fatal(fmt.Errorf("rules takes no argument; `replicavet explain %s` explains one", inv.args[0]))
	}
	switch inv.format {
	case "text":
		return inv.print(ruleTable(rules.All()))
	case "json":
		list := []listedRule{}
		for _, r := range rules.All() {
			list = append(list, listedRule{r.ID, r.Title, r.Section(), append([]string{}, r.Checklist...), r.Severity, r.Strict, r.Since})
		}
		data, err := json.MarshalIndent(list, "", "  ")
		if err != nil {
			return inv.fatal(err)
		}
		return inv.print(string(data) + "\n")
	}
	return inv.fatal(fmt.Errorf("-format: unknown format %q: use text or json", inv.format))
}

// ruleTable renders rules, one a line.
func ruleTable(all []*rule.Rule) string {
	var b strings.Builder
	for _, r := range all {
		note := ""
		if r.Strict {
			note = " (strict)"
		}
		fmt.Fprintf(&b, "%-34s %-9s %s%s\n", r.ID, r.Severity, r.Title, note)
	}
	return b.String()
}
