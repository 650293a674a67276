// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"example.com/parking/api/v1alpha1"
	"example.com/parking/internal/plates"
)

const (
	flushInterval = 10 * time.Second
	flushTimeout  = 15 * time.Second
	// flushSize is the number of waiting stays that starts a flush early.
	flushSize = 200
)

// Delta is what was seen of one stay since the last flush.
type Delta struct {
	Stay  types.NamespacedName `json:"stay"`
	Scans int64                `json:"scans"`
	Seen  time.Time            `json:"seen"`
}

// Tracker collects what barriers and cameras see, and writes it to the stays now and then: a busy garage sees a car a
// second. Each replica has its own; together they add up.
type Tracker struct {
	client client.Client
	live   client.Reader

	nudge chan struct{} // asks for a flush

	mu      sync.Mutex
	pending map[types.UID]Delta
	totals  map[types.UID]int64 // scans since the car came in
}

// NewTracker returns a tracker that reads through live and writes through c.
func NewTracker(c client.Client, live client.Reader) *Tracker {
	return &Tracker{
		client:  c,
		live:    live,
		nudge:   make(chan struct{}),
		pending: map[types.UID]Delta{},
		totals:  map[types.UID]int64{},
	}
}

// Scan counts a barrier scan of the stay.
func (t *Tracker) Scan(ref plates.Ref) {
	if t.add(ref.UID, Delta{Stay: ref.Key, Scans: 1, Seen: time.Now().UTC()}) >= flushSize {
		select {
		case t.nudge <- struct{}{}:
		default:
		}
	}
}

// Seen notes that a camera saw the car.
func (t *Tracker) Seen(ref plates.Ref) {
	t.add(ref.UID, Delta{Stay: ref.Key, Seen: time.Now().UTC()})
}

// add merges a delta into what is pending, and returns how many stays are.
func (t *Tracker) add(uid types.UID, d Delta) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals[uid] += d.Scans
	was := t.pending[uid]
	d.Scans += was.Scans
	if was.Seen.After(d.Seen) {
		d.Seen = was.Seen
	}
	t.pending[uid] = d
	return len(t.pending)
}

// Pending returns what waits for the next flush.
func (t *Tracker) Pending() map[types.UID]Delta {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pending
}

// Run flushes until ctx ends. What is pending then is the caller's to flush.
func (t *Tracker) Run(ctx context.Context) {
	ticker := time.NewTicker(flushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-t.nudge:
		}
		t.Flush(ctx)
	}
}

// Flush writes what is pending.
func (t *Tracker) Flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()

	t.mu.Lock()
	batch := t.pending
	t.pending = map[types.UID]Delta{}
	t.mu.Unlock()

	for uid, d := range batch {
		if err := t.write(ctx, uid, d); err != nil {
			logf.FromContext(ctx).Error(err, "flushing a stay", "stay", d.Stay)
		}
	}
}

// Close writes the final number of scans of a stay that ends.
func (t *Tracker) Close(ctx context.Context, ref plates.Ref) error {
	t.mu.Lock()
	total, ok := t.totals[ref.UID]
	delete(t.totals, ref.UID)
	delete(t.pending, ref.UID)
	t.mu.Unlock()
	if !ok {
		return nil
	}

	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var stay v1alpha1.Stay
		if err := t.live.Get(ctx, ref.Key, &stay); err != nil {
			return err
		}
		base := stay.DeepCopy()
		stay.Status.Scans = total
		return t.client.Status().Patch(ctx, &stay, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	})
	if err != nil {
		return fmt.Errorf("closing stay %s: %w", ref.Key, err)
	}
	return nil
}

// write adds a delta to its stay. The replicas write the same stay: a conflict reads again.
func (t *Tracker) write(ctx context.Context, uid types.UID, d Delta) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var stay v1alpha1.Stay
		if err := t.live.Get(ctx, d.Stay, &stay); err != nil {
			return err
		}
		if stay.UID != uid {
			return nil // a later stay of the same name
		}
		if d.Scans == 0 && stay.Status.LastSeen != nil && stay.Status.LastSeen.Time.Equal(d.Seen) {
			return nil // nothing new
		}
		base := stay.DeepCopy()
		stay.Status.Scans += d.Scans
		stay.Status.LastSeen = &metav1.Time{Time: d.Seen}
		return t.client.Status().Patch(ctx, &stay, client.MergeFrom(base))
	})
	return client.IgnoreNotFound(err)
}
