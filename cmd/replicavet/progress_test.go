// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"
)

// The line at the terminal is wiped before the report comes there, and stays away.
func TestProgressMakesWay(t *testing.T) {
	var errs strings.Builder
	p := &phases{errs: &errs, live: true, shown: true, timer: time.NewTimer(time.Hour)}
	p.begin("rules")
	p.begin("report")
	p.quiet()
	const want = "\r\x1b[Kreplicavet: rules\r\x1b[Kreplicavet: report\r\x1b[K"
	if got := errs.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.end()
	if got := errs.String(); got != want {
		t.Errorf("the end adds something: %q", got)
	}
}
