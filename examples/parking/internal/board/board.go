// SPDX-License-Identifier: Apache-2.0

// Package board remembers how many spaces are free, so that navigation services can ask every second.
package board

import "sync"

// Board maps garages to their free spaces.
type Board struct {
	mu   sync.RWMutex
	free map[string]int32
}

// New returns an empty board.
func New() *Board { return &Board{free: map[string]int32{}} }

// Set notes the free spaces of a garage.
func (b *Board) Set(garage string, free int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free[garage] = free
}

// Free returns the free spaces of a garage.
func (b *Board) Free(garage string) int32 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.free[garage]
}
