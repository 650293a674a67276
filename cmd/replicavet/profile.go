// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime/pprof"
)

// profiled runs work, and writes where it spent its time to a file that `go tool pprof` reads. Without a file it only
// runs it.
func (inv *invocation) profiled(file string, work func() int) int {
	if file == "" {
		return work()
	}
	f, err := os.Create(file)
	if err != nil {
		return inv.fatal(fmt.Errorf("-cpuprofile: %w: name a file that can be written", err))
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return inv.fatal(fmt.Errorf("-cpuprofile: %w", cmp.Or(err, f.Close())))
	}
	status := work()
	pprof.StopCPUProfile()
	if err := f.Close(); err != nil {
		return inv.fatal(fmt.Errorf("-cpuprofile: %w", err))
	}
	return status
}
