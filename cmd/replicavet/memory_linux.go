// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime"
	"syscall"
)

// largest is how many bytes of heap are asked for in huge pages at most; most programs need a tenth of it.
const largest = 8 << 30

// useHugePages has the kernel back the heap with huge pages, where it gives them to those who ask (madvise in
// /sys/kernel/mm/transparent_hugepage/enabled). A review fills half a gigabyte within
// seconds and touches each page of it for the first time: with pages of 4 KB, a third of its time goes into the faults.
// Go asks for none (runtime/mem_linux.go), but the advice stays with the address range: it is given for one allocation,
// which is never touched and dropped at once, and the heap grows into its place.
func useHugePages() {
	size := addressSpace()
	if size == 0 {
		return
	}
	place := make([]byte, size)
	_ = syscall.Madvise(place, syscall.MADV_HUGEPAGE) // a kernel without them goes on as before
	runtime.KeepAlive(place)
	runtime.GC() // the heap is all but empty yet
}

// addressSpace returns how many bytes can be asked for without harm: a quarter of the machine's memory, and none where
// the address space or the heap is limited, because what was asked for counts there.
func addressSpace() int {
	var limit syscall.Rlimit
	var info syscall.Sysinfo_t
	if os.Getenv("GOMEMLIMIT") != "" || syscall.Getrlimit(syscall.RLIMIT_AS, &limit) != nil || int64(limit.Cur) != -1 || syscall.Sysinfo(&info) != nil {
		return 0
	}
	size := int(min(uint64(info.Totalram)*uint64(info.Unit)/4, largest))
	probe, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil || syscall.Munmap(probe) != nil {
		return 0 // the kernel counts what is asked for (vm.overcommit_memory)
	}
	return size
}
