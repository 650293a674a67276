// SPDX-License-Identifier: Apache-2.0

package main

// What is generated is docs/rules and the output in README.md.
//go:generate go test . -run Generated -update
