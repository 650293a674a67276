// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"example.com/parking/api/v1alpha1"
	"example.com/parking/internal/tariff"
)

const (
	sweepInterval   = time.Minute
	billingInterval = time.Hour
	// retention is how long a stay is kept after its last scan.
	retention = 30 * 24 * time.Hour
	// clockSkew is how far the clocks of replicas may differ.
	clockSkew = 30 * time.Second
)

// Sweeper expires, removes and bills stays, on the leader.
type Sweeper struct {
	Client  client.Client // reads come from the cache
	Live    client.Reader // reads come from the API server
	Tariffs *tariff.Cache
	// Elected is closed when this replica becomes the leader.
	Elected <-chan struct{}
}

// NeedLeaderElection says that a sweeper starts on every replica; it waits for the election itself, and says so.
func (s *Sweeper) NeedLeaderElection() bool { return false }

// Start sweeps from the election until ctx ends.
func (s *Sweeper) Start(ctx context.Context) error {
	log := logf.FromContext(ctx)
	log.Info("sweeper stands by")
	select {
	case <-ctx.Done():
		return nil
	case <-s.Elected:
	}
	log.Info("sweeper starts")

	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	billing := time.NewTicker(billingInterval)
	defer billing.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.C:
			s.forEach(ctx, "sweeping", s.sweep)
		case <-billing.C:
			s.forEach(ctx, "billing", s.bill)
		}
	}
}

// forEach runs do for each stay. An error of one does not keep the others from their turn.
func (s *Sweeper) forEach(ctx context.Context, what string, do func(context.Context, *v1alpha1.Stay, time.Time) error) {
	log := logf.FromContext(ctx)
	var stays v1alpha1.StayList
	if err := s.Client.List(ctx, &stays); err != nil {
		log.Error(err, what)
		return
	}
	now := time.Now()
	for i := range stays.Items {
		stay := &stays.Items[i]
		if err := do(ctx, stay, now); err != nil {
			log.Error(err, what, "stay", client.ObjectKeyFromObject(stay))
		}
	}
}

func (s *Sweeper) sweep(ctx context.Context, stay *v1alpha1.Stay, now time.Time) error {
	switch {
	case isIdle(stay, now):
		return s.expire(ctx, client.ObjectKeyFromObject(stay))
	case isOld(stay, now):
		return s.remove(ctx, stay)
	}
	return nil
}

func isIdle(stay *v1alpha1.Stay, now time.Time) bool {
	return stay.Status.Phase == v1alpha1.StayActive && now.Sub(lastSeen(stay)) > stay.Spec.MaxIdle.Duration+clockSkew
}

func isOld(stay *v1alpha1.Stay, now time.Time) bool {
	ended := stay.Status.Phase == v1alpha1.StayExpired || stay.Status.Phase == v1alpha1.StayPaid
	return ended && stay.DeletionTimestamp.IsZero() && now.Sub(lastSeen(stay)) > retention
}

// expire ends an idle stay. The gates write it too: a conflict reads again.
func (s *Sweeper) expire(ctx context.Context, key types.NamespacedName) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var fresh v1alpha1.Stay
		if err := s.Live.Get(ctx, key, &fresh); err != nil {
			return err
		}
		fresh.Status.Phase = v1alpha1.StayExpired
		return s.Client.Status().Update(ctx, &fresh)
	})
	return client.IgnoreNotFound(err)
}

// remove deletes an old stay.
func (s *Sweeper) remove(ctx context.Context, stay *v1alpha1.Stay) error {
	return client.IgnoreNotFound(s.Client.Delete(ctx, stay))
}

// bill charges one more hour.
func (s *Sweeper) bill(ctx context.Context, stay *v1alpha1.Stay, now time.Time) error {
	if stay.Status.Phase != v1alpha1.StayActive || stay.Status.BilledUntil == nil {
		return nil
	}
	cents, err := s.Tariffs.Cents(ctx, stay.Spec.Garage)
	if err != nil {
		return fmt.Errorf("billing: %w", err)
	}
	until := metav1.NewTime(now.UTC())
	stay.Status.ChargedCents += cents
	stay.Status.BilledUntil = &until
	return client.IgnoreNotFound(s.Client.Status().Update(ctx, stay))
}
