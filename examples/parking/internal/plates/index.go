// SPDX-License-Identifier: Apache-2.0

// Package plates finds the stay of a license plate.
package plates

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"example.com/parking/api/v1alpha1"
)

// Ref names one stay. A later stay of the same name has another UID.
type Ref struct {
	Key types.NamespacedName
	UID types.UID
}

// Index maps the plates of the cars inside to their stays, on every replica.
type Index struct {
	cache cache.Cache

	ready chan struct{}

	mu      sync.RWMutex
	byPlate map[string]Ref
}

// NewIndex returns an index that follows the stays in c.
func NewIndex(c cache.Cache) *Index {
	return &Index{cache: c, ready: make(chan struct{}), byPlate: map[string]Ref{}}
}

// NeedLeaderElection says that every replica has an index.
func (i *Index) NeedLeaderElection() bool { return false }

// Start fills the index and keeps it until ctx ends.
func (i *Index) Start(ctx context.Context) error {
	if err := i.follow(ctx); err != nil {
		return err
	}
	close(i.ready)
	<-ctx.Done()
	return nil
}

// Ready is closed when the index is filled.
func (i *Index) Ready() <-chan struct{} { return i.ready }

func (i *Index) follow(ctx context.Context) error {
	informer, err := i.cache.GetInformer(ctx, &v1alpha1.Stay{})
	if err != nil {
		return fmt.Errorf("following stays: %w", err)
	}
	handler, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    i.put,
		UpdateFunc: func(_, obj any) { i.put(obj) },
		DeleteFunc: i.drop,
	})
	if err != nil {
		return fmt.Errorf("following stays: %w", err)
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), handler.HasSynced) {
		return errors.New("following stays: stopped before the first list")
	}
	return nil
}

// Lookup finds the stay of a car that is inside.
func (i *Index) Lookup(garage, plate string) (Ref, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	ref, ok := i.byPlate[indexKey(garage, Normalize(plate))]
	return ref, ok
}

func (i *Index) put(obj any) {
	stay, ok := obj.(*v1alpha1.Stay)
	if !ok {
		return
	}
	// Who pays leaves, and who expired is towed.
	if phase := stay.Status.Phase; phase != "" && phase != v1alpha1.StayActive {
		i.drop(stay)
		return
	}
	// Cameras report plates in all spellings.
	stay.Spec.Plate = Normalize(stay.Spec.Plate)
	ref := Ref{Key: types.NamespacedName{Namespace: stay.Namespace, Name: stay.Name}, UID: stay.UID}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.byPlate[indexKey(stay.Spec.Garage, stay.Spec.Plate)] = ref
}

func (i *Index) drop(obj any) {
	stay, ok := obj.(*v1alpha1.Stay)
	if !ok {
		return
	}
	key := indexKey(stay.Spec.Garage, Normalize(stay.Spec.Plate))
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.byPlate[key].UID == stay.UID {
		delete(i.byPlate, key)
	}
}

// Normalize spells a plate in capitals without blanks and dashes.
func Normalize(plate string) string {
	return strings.NewReplacer(" ", "", "-", "").Replace(strings.ToUpper(plate))
}

func indexKey(garage, plate string) string { return garage + "/" + plate }
