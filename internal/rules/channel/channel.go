// SPDX-License-Identifier: Apache-2.0

// Package channel is the wing of the catalogue for channels between goroutines (checklist section 4): who must send,
// close or receive, and who may have left.
package channel

import (
	"embed"

	"github.com/replicavet/replicavet/internal/rule"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{
	UnsignalledPath,
	WrongTarget,
	DroppedHandoff,
	AbandonedSender,
	ShortBuffer,
	SendAfterClose,
	DoubleClose,
	NeverReady,
	BareWait,
	SelfDeadlock,
	LostWakeup,
	ElectedReceiver,
}
