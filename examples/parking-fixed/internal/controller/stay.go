// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"example.com/parking/api/v1alpha1"
)

// expiryWarning is how long before its end a stay is marked as expiring.
const expiryWarning = time.Hour

// StayReconciler starts stays, warns of their end and invoices them.
type StayReconciler struct {
	client.Client
}

// SetupWithManager starts the reconciler with mgr.
func (r *StayReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Stay{}).
		WithOptions(controller.Options{ReconciliationTimeout: reconcileTimeout}).
		Complete(r)
}

// Reconcile moves one stay on.
func (r *StayReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	now := time.Now()
	stay := &v1alpha1.Stay{}
	if err := r.Get(ctx, req.NamespacedName, stay); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !stay.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finish(ctx, stay)
	}
	if err := r.setFinalizer(ctx, stay, controllerutil.AddFinalizer); err != nil {
		return ctrl.Result{}, err
	}

	before := stay.Status.DeepCopy()
	if stay.Status.Phase == "" {
		stay.Status.Phase = v1alpha1.StayActive
		stay.Status.BilledUntil = stay.CreationTimestamp.DeepCopy()
	}
	if err := r.invoice(ctx, stay); err != nil {
		return ctrl.Result{}, err
	}
	warnAt := lastSeen(stay).Add(stay.Spec.MaxIdle.Duration - expiryWarning)
	active := stay.Status.Phase == v1alpha1.StayActive
	expiring := active && !now.Before(warnAt)
	setCondition(stay, v1alpha1.ConditionExpiring, expiring, "Idle")

	if err := r.saveStatus(ctx, stay, before); err != nil {
		return ctrl.Result{}, err
	}
	if !active || expiring {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: max(warnAt.Sub(now), time.Second)}, nil
}

// finish lets a deleted stay go, when its invoice exists.
func (r *StayReconciler) finish(ctx context.Context, stay *v1alpha1.Stay) error {
	if !controllerutil.ContainsFinalizer(stay, v1alpha1.FinalizerInvoice) {
		return nil
	}
	if err := r.invoice(ctx, stay); err != nil {
		return err
	}
	return r.setFinalizer(ctx, stay, controllerutil.RemoveFinalizer)
}

// setFinalizer adds or removes the invoice finalizer. A merge patch replaces the whole list, and attendants put holds
// on it: the patch carries the version that was read.
func (r *StayReconciler) setFinalizer(ctx context.Context, stay *v1alpha1.Stay, change func(client.Object, string) bool) error {
	base := stay.DeepCopy()
	if !change(stay, v1alpha1.FinalizerInvoice) {
		return nil
	}
	patch := client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, stay, patch); err != nil {
		return fmt.Errorf("changing the finalizer of stay %s: %w", stay.Name, err)
	}
	return nil
}

// invoice makes sure that a paid stay has its invoice. The name is made of the stay's UID: there can be only one.
func (r *StayReconciler) invoice(ctx context.Context, stay *v1alpha1.Stay) error {
	if stay.Status.Phase != v1alpha1.StayPaid || meta.IsStatusConditionTrue(stay.Status.Conditions, v1alpha1.ConditionInvoiced) {
		return nil
	}
	invoice := &v1alpha1.Invoice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   stay.Namespace,
			Name:        "invoice-" + string(stay.UID),
			Labels:      map[string]string{v1alpha1.LabelStay: string(stay.UID)},
			Annotations: map[string]string{v1alpha1.AnnotationIssuedAt: time.Now().UTC().Format("2006-01-02T15:04:05Z")},
		},
		Spec: v1alpha1.InvoiceSpec{
			Garage: stay.Spec.Garage,
			Plate:  stay.Spec.Plate,
			Cents:  stay.Status.ChargedCents,
		},
	}
	if err := r.Create(ctx, invoice); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("invoicing stay %s: %w", stay.Name, err)
	}
	setCondition(stay, v1alpha1.ConditionInvoiced, true, "Created")
	return nil
}

// saveStatus writes the status on the version it was computed from. After a conflict the next reconcile computes again.
func (r *StayReconciler) saveStatus(ctx context.Context, stay *v1alpha1.Stay, before *v1alpha1.StayStatus) error {
	if equality.Semantic.DeepEqual(*before, stay.Status) {
		return nil
	}
	if err := r.Status().Update(ctx, stay); err != nil {
		return fmt.Errorf("updating the status of stay %s: %w", stay.Name, err)
	}
	return nil
}

func setCondition(stay *v1alpha1.Stay, kind string, holds bool, reason string) {
	condition := metav1.Condition{
		Type:               kind,
		Status:             metav1.ConditionFalse,
		Reason:             reason,
		ObservedGeneration: stay.Generation,
	}
	if holds {
		condition.Status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&stay.Status.Conditions, condition)
}

// lastSeen is when a barrier or a camera saw the car last.
func lastSeen(stay *v1alpha1.Stay) time.Time {
	if stay.Status.LastSeen == nil {
		return stay.CreationTimestamp.Time
	}
	return stay.Status.LastSeen.Time
}
