// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/review"
)

// runCache removes what is stored between runs, or says where it is.
func runCache(_ context.Context, inv *invocation) int {
	dir := load.StoreDir()
	if dir == "" {
		return inv.fatal(errors.New("there is no cache: set REPLICAVET_CACHE to a directory to have one"))
	}
	if inv.verb == "dir" {
		return inv.print(dir + "\n")
	}
	if err := load.OpenStore(dir).Clean(); err != nil {
		return inv.fatal(fmt.Errorf("cleaning the cache: %w", err))
	}
	return review.Clean
}
