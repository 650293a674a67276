// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Barriers opens barriers through the controller of a garage's hardware.
type Barriers struct {
	// URL is the address of the hardware controllers, with one %s for the garage.
	URL  string
	HTTP *http.Client
}

// barrierPatience is how long a customer looks at a closed barrier before we give up.
const barrierPatience = 3 * time.Second

// Open lets one car out.
func (b *Barriers) Open(ctx context.Context, garage string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf(b.URL, garage), nil)
	if err != nil {
		return fmt.Errorf("opening the barrier of garage %s: %w", garage, err)
	}
	resp, err := b.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("opening the barrier of garage %s: %w", garage, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("opening the barrier of garage %s: %s", garage, resp.Status)
	}
	return nil
}

// openBarrier opens the barrier, or fails in time for the kiosk to call an attendant.
func (s *Server) openBarrier(ctx context.Context, garage string) error {
	opened := make(chan error)
	go func() { opened <- s.Barriers.Open(ctx, garage) }()
	select {
	case err := <-opened:
		return err
	case <-time.After(barrierPatience):
		return fmt.Errorf("the barrier of garage %s does not answer", garage)
	}
}
