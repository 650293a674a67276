// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// roomy is how large the heap may grow, in bytes, before garbage is collected: a review of 100,000 lines lives in less
// than that, keeps most of what it makes, and is over before a collection would pay.
const roomy = 512 << 20

// collectLate lets the garbage collector begin at a roomy heap. A heap that outgrows it is collected as Go does by
// default, when it doubles, so that a large program does not need more memory than before. Who sets GOGC has the say.
func collectLate() {
	const smallest = 4 << 20 // the first collection is at 4 MB times GOGC/100; see runtime/mgcpacer.go of Go
	if before := debug.SetGCPercent(100 * (roomy / smallest)); before != 100 {
		debug.SetGCPercent(before)
		return
	}
	go collectAsHeapGrows()
}

// collectAsHeapGrows sets when to collect next, after each collection. It looks at the clock for that: what is told to run
// after a collection, such as a cleanup, waits for a sweep that may be far off while the next collection is.
func collectAsHeapGrows() {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	for done := uint64(0); ; time.Sleep(20 * time.Millisecond) {
		metrics.Read(sample)
		if cycles := sample[0].Value.Uint64(); cycles != done {
			done = cycles
			debug.SetGCPercent(growth(sample[1].Value.Uint64()))
		}
	}
}

// growth returns by how many percent a heap may grow over what lives in it: up to the roomy one, or to twice its size.
func growth(live uint64) int {
	if live >= roomy/2 {
		return 100
	}
	return int(100 * (roomy - live) / max(1, live))
}
