// SPDX-License-Identifier: Apache-2.0

// Package tariff knows what an hour in a garage costs.
package tariff

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refresh is how long a price may be out of date.
const refresh = 5 * time.Minute

// Cache remembers prices. They live in one ConfigMap, a key per garage, which is read live: the operator does not watch
// all ConfigMaps of the cluster for the sake of one.
type Cache struct {
	live client.Reader
	key  types.NamespacedName

	mu    sync.Mutex
	cents map[string]int64
}

// NewCache returns a cache of the prices in the ConfigMap key.
func NewCache(live client.Reader, key types.NamespacedName) *Cache {
	c := &Cache{live: live, key: key, cents: map[string]int64{}}
	go c.expire()
	return c
}

// expire forgets the prices from time to time.
func (c *Cache) expire() {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for range ticker.C {
		c.forget()
	}
}

// Cents returns what an hour in the garage costs.
func (c *Cache) Cents(ctx context.Context, garage string) (int64, error) {
	// Two misses at once ask only once.
	c.mu.Lock()
	defer c.mu.Unlock()
	if cents, ok := c.cents[garage]; ok {
		return cents, nil
	}
	cents, err := c.fetch(ctx, garage)
	if err != nil {
		return 0, err
	}
	c.cents[garage] = cents
	return cents, nil
}

func (c *Cache) fetch(ctx context.Context, garage string) (int64, error) {
	var prices corev1.ConfigMap
	if err := c.live.Get(ctx, c.key, &prices); err != nil {
		return 0, fmt.Errorf("reading prices: %w", err)
	}
	cents, err := strconv.ParseInt(prices.Data[garage], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("price of garage %s in ConfigMap %s: %w", garage, c.key, err)
	}
	return cents, nil
}

func (c *Cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.cents)
}
