// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"example.com/parking/api/v1alpha1"
	"example.com/parking/internal/notify"
	"example.com/parking/internal/plates"
)

// defaultMaxIdle is for cars that pass a camera twice a day.
const defaultMaxIdle = 24 * time.Hour

// handleEnter starts a stay. A barrier repeats its request, at any replica, until it is answered; the event number is
// that of the opening, the same in every repetition, and the name of the stay is made of it.
func (s *Server) handleEnter(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()

	garage, plate := r.FormValue("garage"), plates.Normalize(r.FormValue("plate"))
	stay := &v1alpha1.Stay{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace,
			Name:      fmt.Sprintf("%s-%s", garage, r.FormValue("event")),
		},
		Spec: v1alpha1.StaySpec{
			Garage:  garage,
			Plate:   plate,
			MaxIdle: metav1.Duration{Duration: defaultMaxIdle},
		},
	}
	if err := s.Client.Create(ctx, stay); err != nil && !apierrors.IsAlreadyExists(err) {
		fail(ctx, w, err)
		return
	}
	reply(ctx, w, stay.Name)
}

// handlePay takes a kiosk's payment and opens the barrier. The kiosk repeats it until the barrier is open.
func (s *Server) handlePay(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()

	stay, err := s.settle(ctx, s.key(r), r.FormValue("by"))
	if err != nil {
		fail(ctx, w, err)
		return
	}
	if err := s.Tracker.Close(ctx, plates.Ref{Key: s.key(r), UID: stay.UID}); err != nil {
		fail(ctx, w, err)
		return
	}
	if err := s.sendReceipt(ctx, stay); err != nil {
		fail(ctx, w, err)
		return
	}
	if err := s.openBarrier(ctx, stay.Spec.Garage); err != nil {
		fail(ctx, w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// settle marks a stay as paid and returns it as it was written.
func (s *Server) settle(ctx context.Context, key types.NamespacedName, by string) (*v1alpha1.Stay, error) {
	var settled *v1alpha1.Stay
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		stay := &v1alpha1.Stay{}
		if err := s.Live.Get(ctx, key, stay); err != nil {
			return err
		}
		settled = stay
		if stay.Status.Phase == v1alpha1.StayPaid {
			return nil
		}
		now := metav1.NewTime(time.Now().UTC())
		stay.Status.Phase = v1alpha1.StayPaid
		stay.Status.PaidAt = &now
		stay.Status.PaidBy = by
		return s.Client.Status().Update(ctx, stay)
	})
	return settled, err
}

// sendReceipt queues the receipt, once more for each repetition; the notifier works on after the request.
func (s *Server) sendReceipt(ctx context.Context, stay *v1alpha1.Stay) error {
	return s.Notifier.Publish(ctx, notify.Note{
		Stay:  stay.Name,
		Plate: stay.Spec.Plate,
		Cents: stay.Status.ChargedCents,
	})
}

// handleHold keeps a stay from being removed (PUT), or no longer (DELETE).
func (s *Server) handleHold(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()

	change := controllerutil.AddFinalizer
	if r.Method == http.MethodDelete {
		change = controllerutil.RemoveFinalizer
	}
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var stay v1alpha1.Stay
		if err := s.Live.Get(ctx, s.key(r), &stay); err != nil {
			return err
		}
		base := stay.DeepCopy()
		if !change(&stay, v1alpha1.FinalizerHold) {
			return nil
		}
		// A merge patch replaces the list of finalizers: it must be the list that was read.
		return s.Client.Patch(ctx, &stay, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	})
	if err != nil {
		fail(ctx, w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
