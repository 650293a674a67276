// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
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
	afterCollection(func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(growth(live[0].Value.Uint64()))
	})
}

// afterCollection calls do after each garbage collection: what nothing holds is cleaned up by each.
func afterCollection(do func()) {
	runtime.AddCleanup(new([16]byte), func(int) {
		do()
		afterCollection(do)
	}, 0)
}

// growth returns by how many percent a heap may grow over what lives in it: up to the roomy one, or to twice its size.
func growth(live uint64) int {
	if live >= roomy/2 {
		return 100
	}
	return int(100 * (roomy - live) / max(1, live))
}
