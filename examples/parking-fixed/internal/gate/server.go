// SPDX-License-Identifier: Apache-2.0

// Package gate serves the barriers, cameras, kiosks and attendants of all garages over HTTP. Authentication is the mesh's.
package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"example.com/parking/internal/notify"
	"example.com/parking/internal/plates"
	"example.com/parking/internal/sign"
)

const (
	requestTimeout = 10 * time.Second
	// shutdownTimeout outlasts every handler; with the last flush it fits in a pod's grace period.
	shutdownTimeout = requestTimeout + time.Second
	// barrierSilence is how long a barrier may be silent before we forget it.
	barrierSilence = 5 * time.Minute
)

// Parts is what a server is made of.
type Parts struct {
	Addr      string
	Namespace string
	Client    client.Client // reads come from the cache
	Live      client.Reader // reads come from the API server
	Index     *plates.Index
	Tracker   *Tracker
	Notifier  *notify.Notifier
	Signs     *sign.Applier
	Barriers  *Barriers
}

// Server answers on every replica.
type Server struct {
	Parts

	mu    sync.Mutex
	heard map[string]time.Time // barrier to its last heartbeat at this replica
}

// NewServer returns a server that is not started yet.
func NewServer(parts Parts) *Server {
	return &Server{
		Parts: parts,
		heard: map[string]time.Time{},
	}
}

// NeedLeaderElection says that every replica serves.
func (s *Server) NeedLeaderElection() bool { return false }

// Start serves until ctx ends.
func (s *Server) Start(ctx context.Context) error {
	// A scan of a plate that is not in the index yet would be turned away.
	if err := s.Index.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("waiting for the plate index: %w", err)
	}

	running, stop := context.WithCancel(ctx)
	defer stop()
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		s.Tracker.Run(running)
	}()
	go s.forgetBarriers(running)

	srv := &http.Server{Addr: s.Addr, Handler: s.routes(), ReadTimeout: requestTimeout}
	failed := make(chan error, 1)
	go serve(srv, failed)

	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serving on %s: %w", s.Addr, err)
	case <-ctx.Done():
	}
	err = errors.Join(err, s.shutdown(ctx, srv))

	// No handler and no flush runs any more: write what they left.
	stop()
	<-flushed
	s.Tracker.Flush(context.WithoutCancel(ctx))
	return err
}

func serve(srv *http.Server, failed chan<- error) {
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		failed <- err
	}
}

// shutdown waits for the handlers, for a while.
func (s *Server) shutdown(ctx context.Context, srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return fmt.Errorf("shutting down: %w", err)
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /enter", s.handleEnter)
	mux.HandleFunc("POST /scan", s.handleScan)
	mux.HandleFunc("GET /stays/{name}", s.handleStay)
	mux.HandleFunc("POST /stays/{name}/pay", s.handlePay)
	mux.HandleFunc("PUT /stays/{name}/hold", s.handleHold)
	mux.HandleFunc("DELETE /stays/{name}/hold", s.handleHold)
	mux.HandleFunc("GET /garages/{name}/free", s.handleFree)
	mux.HandleFunc("PUT /garages/{name}/message", s.handleMessage)
	mux.HandleFunc("POST /barriers/{name}/heartbeat", s.handleHeartbeat)
	mux.HandleFunc("GET /barriers", s.handleBarriers)
	mux.HandleFunc("GET /debug/pending", s.handlePending)
	return mux
}

func (s *Server) key(r *http.Request) types.NamespacedName {
	return types.NamespacedName{Namespace: s.Namespace, Name: r.PathValue("name")}
}

// forgetBarriers drops the barriers that went silent.
func (s *Server) forgetBarriers(ctx context.Context) {
	ticker := time.NewTicker(barrierSilence)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			logf.FromContext(ctx).V(1).Info("forgot silent barriers", "count", s.dropSilent(now))
		}
	}
}

func (s *Server) dropSilent(now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped := 0
	for barrier, at := range s.heard {
		if now.Sub(at) > barrierSilence {
			delete(s.heard, barrier)
			dropped++
		}
	}
	return dropped
}
