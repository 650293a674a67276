// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"example.com/parking/api/v1alpha1"
	"example.com/parking/internal/notify"
	"example.com/parking/internal/plates"
)

// defaultMaxIdle is for cars that pass a camera twice a day.
const defaultMaxIdle = 24 * time.Hour

// handleEnter starts a stay. A barrier repeats its request, at any replica, until it is answered: a car that is on its
// way in, or inside, gets no second stay.
func (s *Server) handleEnter(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()

	garage, plate := r.FormValue("garage"), plates.Normalize(r.FormValue("plate"))
	if _, entering := s.entering.LoadOrStore(plate, true); entering {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	defer s.entering.Delete(plate)

	var stays v1alpha1.StayList
	if err := s.Client.List(ctx, &stays, client.InNamespace(s.Namespace)); err != nil {
		fail(ctx, w, err)
		return
	}
	for i := range stays.Items {
		other := &stays.Items[i]
		inside := other.Status.Phase == "" || other.Status.Phase == v1alpha1.StayActive
		if inside && other.Spec.Garage == garage && other.Spec.Plate == plate {
			reply(ctx, w, other.Name)
			return
		}
	}
	stay := &v1alpha1.Stay{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:    s.Namespace,
			GenerateName: garage + "-",
		},
		Spec: v1alpha1.StaySpec{
			Garage:  garage,
			Plate:   plate,
			MaxIdle: metav1.Duration{Duration: defaultMaxIdle},
		},
	}
	if err := s.Client.Create(ctx, stay); err != nil {
		fail(ctx, w, err)
		return
	}
	reply(ctx, w, stay.Name)
}

// handlePay takes a kiosk's payment and opens the barrier. The kiosk repeats it until the barrier is open.
func (s *Server) handlePay(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()

	if err := s.settle(ctx, s.key(r), r.FormValue("by")); err != nil {
		fail(ctx, w, err)
		return
	}
	stay := &v1alpha1.Stay{}
	if err := s.Client.Get(ctx, s.key(r), stay); err != nil {
		fail(ctx, w, err)
		return
	}
	if stay.Status.Phase != v1alpha1.StayPaid {
		http.Error(w, "please pay first", http.StatusPaymentRequired)
		return
	}
	if err := s.Tracker.Close(ctx, plates.Ref{Key: s.key(r), UID: stay.UID}); err != nil {
		fail(ctx, w, err)
		return
	}
	go s.sendReceipt(r.Context(), stay) // the customer need not wait for it
	if err := s.openBarrier(ctx, stay.Spec.Garage); err != nil {
		fail(ctx, w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// settle marks a stay as paid.
func (s *Server) settle(ctx context.Context, key types.NamespacedName, by string) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		stay := &v1alpha1.Stay{}
		if err := s.Client.Get(ctx, key, stay); err != nil {
			return err
		}
		if stay.Status.Phase == v1alpha1.StayPaid {
			return nil
		}
		now := metav1.NewTime(time.Now().UTC())
		stay.Status.Phase = v1alpha1.StayPaid
		stay.Status.PaidAt = &now
		stay.Status.PaidBy = by
		return s.Client.Status().Update(ctx, stay)
	})
}

// sendReceipt queues the receipt, once more for each repetition; the notifier works on after the request.
func (s *Server) sendReceipt(ctx context.Context, stay *v1alpha1.Stay) {
	err := s.Notifier.Publish(ctx, notify.Note{
		Stay:  stay.Name,
		Plate: stay.Spec.Plate,
		Cents: stay.Status.ChargedCents,
	})
	if err != nil {
		logf.FromContext(ctx).Error(err, "sending a receipt")
	}
}

// handleHold keeps a stay from being removed (PUT), or no longer (DELETE).
func (s *Server) handleHold(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()

	change := controllerutil.AddFinalizer
	if r.Method == http.MethodDelete {
		change = controllerutil.RemoveFinalizer
	}
	var stay v1alpha1.Stay
	if err := s.Live.Get(ctx, s.key(r), &stay); err != nil {
		fail(ctx, w, err)
		return
	}
	base := stay.DeepCopy()
	if change(&stay, v1alpha1.FinalizerHold) {
		if err := s.Client.Patch(ctx, &stay, client.MergeFrom(base)); err != nil {
			fail(ctx, w, err)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
