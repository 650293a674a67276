// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"example.com/parking/api/v1alpha1"
)

// handleScan takes what a barrier or a camera saw of a car inside.
func (s *Server) handleScan(w http.ResponseWriter, r *http.Request) {
	ref, ok := s.Index.Lookup(r.FormValue("garage"), r.FormValue("plate"))
	if !ok {
		http.Error(w, "no such car inside", http.StatusNotFound) // it scans again
		return
	}
	if r.FormValue("from") == "camera" {
		s.Tracker.Seen(ref)
	} else {
		s.Tracker.Scan(ref)
	}
	w.WriteHeader(http.StatusAccepted)
}

// handleStay shows a stay.
func (s *Server) handleStay(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	var stay v1alpha1.Stay
	if err := s.Client.Get(ctx, s.key(r), &stay); err != nil {
		fail(ctx, w, err)
		return
	}
	reply(ctx, w, stay.Status)
}

// handleFree tells navigation services how many spaces are free.
func (s *Server) handleFree(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	var garage v1alpha1.Garage
	if err := s.Client.Get(ctx, s.key(r), &garage); err != nil {
		fail(ctx, w, err)
		return
	}
	reply(ctx, w, max(garage.Spec.Capacity-garage.Status.Occupied, 0))
}

// handleMessage puts an attendant's message on the sign.
func (s *Server) handleMessage(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	var garage v1alpha1.Garage
	if err := s.Live.Get(ctx, s.key(r), &garage); err != nil {
		fail(ctx, w, err)
		return
	}
	if err := s.Signs.ShowMessage(ctx, &garage, r.FormValue("text")); err != nil {
		fail(ctx, w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// handleHeartbeat notes that a barrier is alive.
func (s *Server) handleHeartbeat(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.heard[r.PathValue("name")] = time.Now()
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// handleBarriers lists the barriers that this replica heard of, with the seconds since.
func (s *Server) handleBarriers(w http.ResponseWriter, r *http.Request) {
	silent := map[string]float64{}
	s.mu.Lock()
	for barrier, at := range s.heard {
		silent[barrier] = time.Since(at).Seconds()
	}
	s.mu.Unlock()
	reply(r.Context(), w, silent)
}

// handlePending shows what this replica has not flushed yet.
func (s *Server) handlePending(w http.ResponseWriter, r *http.Request) {
	reply(r.Context(), w, s.Tracker.Pending())
}

func reply(ctx context.Context, w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		logf.FromContext(ctx).V(1).Info("client left", "error", err.Error())
	}
}

// fail answers with the status of an API error, so that a kiosk knows whether to try again.
func fail(ctx context.Context, w http.ResponseWriter, err error) {
	logf.FromContext(ctx).Error(err, "request failed")
	code := http.StatusBadGateway
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		code = int(status.Status().Code)
	}
	http.Error(w, err.Error(), code)
}
