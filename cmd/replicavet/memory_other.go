// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

// useHugePages does nothing: only Linux lets a process ask for huge pages.
func useHugePages() {}
