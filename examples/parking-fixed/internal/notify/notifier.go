// SPDX-License-Identifier: Apache-2.0

// Package notify tells customers and the audit log about payments. It is best effort: the invoice is the record.
package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// deliveryTimeout is how long the receivers of a note may take.
const deliveryTimeout = 10 * time.Second

// Note is one message.
type Note struct {
	Stay  string `json:"stay"`
	Plate string `json:"plate"`
	Cents int64  `json:"cents"`
}

// Notifier delivers notes in the background, on every replica.
type Notifier struct {
	ReceiptURL string
	AuditURL   string

	queue chan Note
}

// New returns a notifier that posts each note to both addresses.
func New(receiptURL, auditURL string) *Notifier {
	return &Notifier{
		ReceiptURL: receiptURL,
		AuditURL:   auditURL,
		queue:      make(chan Note, 64),
	}
}

// NeedLeaderElection says that every replica delivers its own notes.
func (n *Notifier) NeedLeaderElection() bool { return false }

// Publish queues a note. It waits for room until ctx ends.
func (n *Notifier) Publish(ctx context.Context, note Note) error {
	select {
	case n.queue <- note:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("queueing a note for stay %s: %w", note.Stay, ctx.Err())
	}
}

// Start delivers notes until ctx ends. The queue stays open: handlers may still publish while they end.
func (n *Notifier) Start(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case note := <-n.queue:
			n.deliver(ctx, note)
		}
	}
}

// deliver returns when both receivers had their copy.
func (n *Notifier) deliver(ctx context.Context, note Note) {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	var wg sync.WaitGroup
	wg.Add(2)
	go n.post(ctx, &wg, n.ReceiptURL, note)
	go n.post(ctx, &wg, n.AuditURL, note)
	wg.Wait()
	logf.FromContext(ctx).V(1).Info("delivered", "stay", note.Stay)
}

func (n *Notifier) post(ctx context.Context, wg *sync.WaitGroup, url string, note Note) {
	defer wg.Done()
	if err := n.send(ctx, url, note); err != nil {
		logf.FromContext(ctx).Error(err, "delivering a note", "stay", note.Stay)
	}
}

func (n *Notifier) send(ctx context.Context, url string, note Note) error {
	body, err := json.Marshal(note)
	if err != nil {
		return fmt.Errorf("encoding a note: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("posting to %s: %w", url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("posting to %s: %w", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("posting to %s: %s", url, resp.Status)
	}
	return nil
}
