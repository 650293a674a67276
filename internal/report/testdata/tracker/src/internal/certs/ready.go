package certs

import "context"

// Manager issues the certificate of the webhook.
type Manager struct {
	ready chan struct{}
	errs  chan error
}

// Start issues the certificate and tells Wait.
func (m *Manager) Start(ctx context.Context) error {
	if err := m.issue(ctx); err != nil {
		m.errs <- err
		return err
	}
	close(m.ready)
	return nil
}

// Wait blocks until the certificate is there.
func (m *Manager) Wait() {
	<-m.ready
}
