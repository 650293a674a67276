// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/review"
)

// runConfig checks the configuration, shows what is in force, or prints the schema of the file.
func runConfig(_ context.Context, inv *invocation) int {
	if inv.verb == "schema" {
		return inv.print(review.ConfigSchema())
	}
	o, err := inv.order()
	if err != nil {
		return inv.fatal(err)
	}
	if inv.verb == "check" {
		return inv.checkConfig(o)
	}
	var b strings.Builder
	inv.flags.VisitAll(func(f *flag.Flag) {
		if f.Name != "o" {
			fmt.Fprintf(&b, "%-11s %-22q %s\n", f.Name, f.Value, o.from[f.Name])
		}
	})
	if o.Config != nil {
		for _, d := range o.Config.Rules {
			word := "on"
			switch {
			case d.Off:
				word = "off"
			case d.Severity != 0:
				word = strings.ToLower(d.Severity.String())
			}
			fmt.Fprintf(&b, "rule        %-22s %s:%d\n", d.Rule+": "+word, o.Config.File, d.Line)
		}
		for _, c := range o.Config.Calls {
			fmt.Fprintf(&b, "calls       %s is like %s %s:%d\n", c.Name, c.Like, o.Config.File, c.Line)
		}
		for _, d := range o.Config.Entries {
			fmt.Fprintf(&b, "entries     %s runs %s %s:%d\n", d, d.Domain, o.Config.File, d.Line)
		}
		for _, i := range o.Config.Ignore {
			fmt.Fprintf(&b, "ignore      %-22s %s:%d\n", strings.Join(append(i.Rules, i.Paths...), " "), o.Config.File, i.Line)
		}
	}
	return inv.print(b.String())
}

// checkConfig tells what is wrong with a configuration that can be read: entries that are over.
func (inv *invocation) checkConfig(o *order) int {
	if o.Config == nil {
		return inv.print("no " + review.ConfigName + ": the defaults are in force\n")
	}
	expired := o.Config.Expired(o.Today)
	for _, i := range expired {
		fmt.Fprintf(inv.errs, "%s:%d: the entry held until %s: renew or remove it\n", o.Config.File, i.Line, i.Until)
	}
	if len(expired) > 0 {
		return review.Found
	}
	return inv.print(o.Config.File + ": ok\n")
}
