package session

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/breakglass/api/v1"
)

// Tracker counts the requests of each session.
type Tracker struct {
	c client.Client
}

// Touch notes one more request of the session.
func (t *Tracker) Touch(ctx context.Context, key client.ObjectKey) error {
	var s v1.Session
	if err := t.c.Get(ctx, key, &s); err != nil {
		return err
	}
	old := s.DeepCopy()
	s.Status.Requests++
	s.Status.LastSeen = time.Now().UTC().Format(time.RFC3339)
	return t.c.Status().Patch(ctx, &s, client.MergeFrom(old))
}

// Expired tells whether the session is over.
func (t *Tracker) Expired(s *v1.Session) bool {
	return s.Spec.Until.Time == time.Now()
}
