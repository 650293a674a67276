// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// WatchSend is a send to those who watch, without a look at whether they still do.
type WatchSend struct {
	Send *ChannelOp
	// Results is the ResultChan method that hands the channel out.
	Results *ssa.Function
}

// WatchSends returns the lone sends on channels without a buffer that a watch of own code hands out by its ResultChan:
// who watches stops receiving when it has called Stop. https://pkg.go.dev/k8s.io/apimachinery/pkg/watch#Interface
func (e *Effects) WatchSends() []WatchSend {
	var out []WatchSend
	for _, fn := range e.Program.Funcs {
		if fn.Name() != "ResultChan" || fn.Signature.Recv() == nil || e.Program.InTest(fn) || e.Program.Generated(fn) {
			continue
		}
		for _, c := range e.returnedChannels(fn) {
			if !c.Unbuffered() || len(c.Of(ChannelReceive)) > 0 {
				continue // own code takes what nobody else does
			}
			for _, send := range c.Of(ChannelSend) {
				if send.Alone() && send.Exact && !e.Program.InTest(send.Func) {
					out = append(out, WatchSend{send, fn})
				}
			}
		}
	}
	return out
}

// returnedChannels returns the channels of own code that a function returns as its only result.
func (e *Effects) returnedChannels(fn *ssa.Function) []*Channel {
	e.Channels()
	var out []*Channel
	for _, b := range fn.Blocks {
		ret, ok := last(b).(*ssa.Return)
		if !ok || len(ret.Results) != 1 || !isChannel(ret.Results[0].Type()) {
			continue
		}
		if !program.IsNamed(chanElem(ret.Results[0]), "k8s.io/apimachinery/pkg/watch", "Event") {
			continue
		}
		for _, c := range e.conc.resolver.resolve(ret.Results[0]).channels {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}
