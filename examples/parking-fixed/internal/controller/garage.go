// SPDX-License-Identifier: Apache-2.0

// Package controller holds what the leader does: it counts, invoices, expires and bills.
package controller

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"example.com/parking/api/v1alpha1"
	"example.com/parking/internal/sign"
	"example.com/parking/internal/tariff"
)

// reconcileTimeout bounds one reconcile of either controller.
const reconcileTimeout = time.Minute

// byGarage is the index of stays by their garage.
const byGarage = "spec.garage"

// GarageReconciler keeps the status and the sign of each garage.
type GarageReconciler struct {
	client.Client
	Signs   *sign.Applier
	Tariffs *tariff.Cache
}

// SetupWithManager starts the reconciler with mgr.
func (r *GarageReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.Stay{}, byGarage, func(obj client.Object) []string {
		return []string{obj.(*v1alpha1.Stay).Spec.Garage}
	})
	if err != nil {
		return fmt.Errorf("indexing stays: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Garage{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Stay{}, handler.EnqueueRequestsFromMapFunc(garageOf)).
		WithOptions(controller.Options{ReconciliationTimeout: reconcileTimeout}).
		Complete(r)
}

func garageOf(_ context.Context, obj client.Object) []reconcile.Request {
	stay := obj.(*v1alpha1.Stay)
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: stay.Namespace, Name: stay.Spec.Garage}}}
}

// Reconcile counts the stays of a garage and shows the result.
func (r *GarageReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var garage v1alpha1.Garage
	if err := r.Get(ctx, req.NamespacedName, &garage); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !garage.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	var stays v1alpha1.StayList
	if err := r.List(ctx, &stays, client.InNamespace(garage.Namespace), client.MatchingFields{byGarage: garage.Name}); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing stays: %w", err)
	}
	occupied := countActive(stays.Items)
	free := max(garage.Spec.Capacity-occupied, 0)

	if err := r.updateStatus(ctx, &garage, occupied); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.labelOccupancy(ctx, &garage, free); err != nil {
		return ctrl.Result{}, err
	}
	cents, err := r.Tariffs.Cents(ctx, garage.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	if err := r.Signs.ShowTariff(ctx, &garage, cents); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.Signs.ShowFree(ctx, &garage, free)
}

func countActive(stays []v1alpha1.Stay) int32 {
	var active int32
	for i := range stays {
		if stays[i].Status.Phase == v1alpha1.StayActive {
			active++
		}
	}
	return active
}

func (r *GarageReconciler) updateStatus(ctx context.Context, garage *v1alpha1.Garage, occupied int32) error {
	full := metav1.Condition{
		Type:               v1alpha1.ConditionFull,
		Status:             metav1.ConditionFalse,
		Reason:             "Counted",
		Message:            fmt.Sprintf("%d of %d spaces are taken", occupied, garage.Spec.Capacity),
		ObservedGeneration: garage.Generation,
	}
	if occupied >= garage.Spec.Capacity {
		full.Status = metav1.ConditionTrue
	}

	before := garage.Status.DeepCopy()
	garage.Status.Occupied = occupied
	garage.Status.ObservedGeneration = garage.Generation
	meta.SetStatusCondition(&garage.Status.Conditions, full)
	if equality.Semantic.DeepEqual(*before, garage.Status) {
		return nil
	}
	if err := r.Status().Update(ctx, garage); err != nil {
		return fmt.Errorf("updating the status of garage %s: %w", garage.Name, err)
	}
	return nil
}

// labelOccupancy labels the garage for the dashboards. Nobody else writes this label.
func (r *GarageReconciler) labelOccupancy(ctx context.Context, garage *v1alpha1.Garage, free int32) error {
	occupancy := "free"
	if free == 0 {
		occupancy = "full"
	}
	if garage.Labels[v1alpha1.LabelOccupancy] == occupancy {
		return nil
	}
	base := garage.DeepCopy()
	metav1.SetMetaDataLabel(&garage.ObjectMeta, v1alpha1.LabelOccupancy, occupancy)
	if err := r.Patch(ctx, garage, client.MergeFrom(base)); err != nil {
		return fmt.Errorf("labelling garage %s: %w", garage.Name, err)
	}
	return nil
}
