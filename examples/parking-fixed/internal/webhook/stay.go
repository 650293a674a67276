// SPDX-License-Identifier: Apache-2.0

// Package webhook refuses stays that make no sense. It runs on every replica.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"example.com/parking/api/v1alpha1"
)

// admissionTimeout ends before the API server's patience.
const admissionTimeout = 5 * time.Second

// +kubebuilder:webhook:path=/validate-parking-example-com-v1alpha1-stay,mutating=false,failurePolicy=fail,sideEffects=None,groups=parking.example.com,resources=stays;stays/status,verbs=create;update,versions=v1alpha1,name=vstay.parking.example.com,admissionReviewVersions=v1

// StayValidator validates stays. The status is guarded too: the webhook is registered for stays/status as well.
type StayValidator struct {
	// Garages reads from the API server: a refusal can't be taken back.
	Garages client.Reader
}

// SetupWithManager serves the validator at mgr's webhook server.
func (v *StayValidator) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewWebhookManagedBy(mgr, &v1alpha1.Stay{}).WithValidator(v).Complete()
}

// ValidateCreate refuses a stay in a garage that is closed or does not exist.
func (v *StayValidator) ValidateCreate(ctx context.Context, stay *v1alpha1.Stay) (admission.Warnings, error) {
	ctx, cancel := context.WithTimeout(ctx, admissionTimeout)
	defer cancel()
	var garage v1alpha1.Garage
	err := v.Garages.Get(ctx, types.NamespacedName{Namespace: stay.Namespace, Name: stay.Spec.Garage}, &garage)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no garage %s", stay.Spec.Garage)
	case err != nil:
		return nil, fmt.Errorf("reading garage %s: %w", stay.Spec.Garage, err)
	case garage.Spec.Closed:
		return nil, fmt.Errorf("garage %s is closed", stay.Spec.Garage)
	}
	return nil, nil
}

// ValidateUpdate refuses what would rewrite the past.
func (v *StayValidator) ValidateUpdate(_ context.Context, old, stay *v1alpha1.Stay) (admission.Warnings, error) {
	switch {
	case stay.Spec.Garage != old.Spec.Garage || stay.Spec.Plate != old.Spec.Plate:
		return nil, errors.New("a stay keeps its garage and its plate")
	case old.Status.Phase == v1alpha1.StayPaid && stay.Status.Phase != v1alpha1.StayPaid:
		return nil, errors.New("a paid stay stays paid")
	case stay.Status.Scans < old.Status.Scans:
		return nil, fmt.Errorf("scans can't fall from %d to %d", old.Status.Scans, stay.Status.Scans)
	}
	return nil, nil
}

// ValidateDelete allows every deletion.
func (v *StayValidator) ValidateDelete(context.Context, *v1alpha1.Stay) (admission.Warnings, error) {
	return nil, nil
}
