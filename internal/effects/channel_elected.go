// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// sourcePath is the package of the sources that controllers watch.
const sourcePath = "sigs.k8s.io/controller-runtime/pkg/source"

// ElectedReceiver is a send that waits for its receiver on every replica, where only the leader receives.
type ElectedReceiver struct {
	Channel *Channel
	Send    *ChannelOp
	// Receive is the leader's receive, or the call that gives the channel to a controller as a source of events.
	Receive ssa.Instruction
	// Leader and Every prove where the two run.
	Leader, Every *program.Proof
}

// ElectedReceivers lists these sends, one a channel, in source order of the channels.
func (e *Effects) ElectedReceivers() []ElectedReceiver {
	var out []ElectedReceiver
	if e.managerElected() {
		return nil
	}
	sources := e.channelSources()
	for _, c := range e.Channels().All {
		receive, leader := e.leaderReceives(c, sources[c])
		if receive == nil || !e.everywhere(c.Make) {
			continue // what the leader makes is on the leader only, and so is who finds it there
		}
		for _, send := range c.Of(ChannelSend) {
			if !send.Alone() || !send.Exact || e.Program.InTest(send.Func) || e.spawned(send.Func) {
				continue // it can give up, may be of another channel, or only a goroutine made for it waits
			}
			if every := e.Program.DomainAt(send.Instr).Proof(program.EveryReplica); every != nil && answers(every.Entry) {
				out = append(out, ElectedReceiver{c, send, receive, leader, every})
				break
			}
		}
	}
	return out
}

// answers tells whether an entry point has something to do on each replica, and not only once the leader has begun something.
func answers(entry *program.Entry) bool {
	switch entry.Kind {
	case program.EntryHTTP, program.EntryGRPC, program.EntryWebhook, program.EntryInformer, program.EntryRunnable, program.EntryProbe:
		return true
	}
	return false
}

// everywhere tells whether each replica runs an instruction, be it as it starts.
func (e *Effects) everywhere(instr ssa.Instruction) bool {
	set := e.Program.DomainAt(instr)
	return set.Has(program.EveryReplica) || set.Has(program.StartUp)
}

// leaderReceives returns a receive of the leader where nobody else receives from a channel, with the proof; nil if somebody else
// may.
func (e *Effects) leaderReceives(c *Channel, given []ssa.Instruction) (ssa.Instruction, *program.Proof) {
	var receive ssa.Instruction
	var leader *program.Proof
	for _, op := range c.Of(ChannelReceive) {
		if e.Program.InTest(op.Func) {
			continue
		}
		set := e.Program.DomainAt(op.Instr)
		if set.Worst() != program.LeaderOnly || set.Has(program.StartUp) {
			return nil, nil
		}
		if receive == nil {
			receive, leader = op.Instr, set.Proof(program.LeaderOnly)
		}
	}
	if receive != nil && !c.ForeignReceives {
		return receive, leader
	}
	if len(given) == 0 || receive != nil || e.givenElsewhere(c) || e.someUnelected() {
		return nil, nil
	}
	return given[0], e.everyControllerElected()
}

// everyControllerElected returns the proof that a reconciler runs on the leader only, where all of them do; else nil.
func (e *Effects) everyControllerElected() *program.Proof {
	var proof *program.Proof
	for _, entry := range e.Program.Entries {
		if entry.Kind != program.EntryReconcile || e.Program.InTest(entry.Func) || e.Program.TestSupport(entry.Func) {
			continue
		}
		if entry.Domain != program.LeaderOnly {
			return nil
		}
		if proof == nil {
			proof = &program.Proof{Entry: entry}
		}
	}
	return proof
}

// managerElected tells whether a manager is made by who leads: all that it runs, elected or not, is on one replica then.
func (e *Effects) managerElected() bool {
	return slices.ContainsFunc(e.Program.Managers, func(m *program.Manager) bool {
		return !e.Program.InTest(m.Site.Parent()) && e.Program.DomainAt(m.Site).Has(program.LeaderOnly)
	})
}

// someUnelected tells whether own code says of some controller, or of all, whether it needs to be elected: it may start its
// sources on every replica, and leave it to its reconciler to ask who leads.
func (e *Effects) someUnelected() bool {
	for _, fn := range e.Program.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				store, ok := instr.(*ssa.Store)
				if !ok {
					continue
				}
				field, ok := store.Addr.(*ssa.FieldAddr)
				if ok && program.FieldName(field.X.Type(), field.Field) == "NeedLeaderElection" && !program.IsNil(store.Val) && !e.Program.InTest(fn) {
					return true
				}
			}
		}
	}
	return false
}

// spawned tells whether a function runs only in goroutines that are started for it.
func (e *Effects) spawned(fn *ssa.Function) bool {
	roots := e.GoroutinesOf(fn)
	return len(roots) > 0 && !slices.ContainsFunc(roots, func(g Goroutine) bool { return g.Start == nil || g.Func != fn })
}

// channelSources maps the channels that controllers watch as a source of events to where they are given to them.
func (e *Effects) channelSources() map[*Channel][]ssa.Instruction {
	out := make(map[*Channel][]ssa.Instruction)
	note := func(v ssa.Value, at ssa.Instruction) {
		for _, c := range e.channelsOf(v) {
			out[c] = append(out[c], at)
		}
	}
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				switch x := instr.(type) {
				case *ssa.Call:
					if isChannelSource(x) {
						note(x.Call.Args[0], x)
					}
				case *ssa.Store:
					if field, ok := x.Addr.(*ssa.FieldAddr); ok && isChannel(x.Val.Type()) && program.IsNamed(field.X.Type(), sourcePath, "Channel") {
						note(x.Val, x)
					}
				}
			}
		}
	}
	return out
}

func isChannelSource(call *ssa.Call) bool {
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && target.Pkg().Path() == sourcePath && target.Name() == "Channel" &&
		len(call.Call.Args) > 0 && isChannel(call.Call.Args[0].Type())
}

// channelsOf returns the channels that a value can be, none where not all of them are known.
func (e *Effects) channelsOf(v ssa.Value) []*Channel {
	e.Channels()
	found := e.conc.resolver.resolve(v)
	if !found.exact {
		return nil
	}
	return found.channels
}

// givenElsewhere tells whether code that is not reviewed, other than the sources of controllers, is given a channel.
func (e *Effects) givenElsewhere(c *Channel) bool {
	is := func(v ssa.Value) bool {
		dir, ok := v.Type().Underlying().(*types.Chan)
		return ok && dir.Dir() != types.SendOnly && slices.Contains(e.conc.resolver.resolve(v).channels, c)
	}
	for _, fn := range e.Program.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				switch x := instr.(type) {
				case *ssa.MakeInterface:
					if isChannel(x.X.Type()) && is(x.X) {
						return true
					}
				case ssa.CallInstruction:
					if call, ok := x.(*ssa.Call); ok && isChannelSource(call) || len(e.Program.Static(x)) > 0 {
						continue
					}
					if _, builtin := x.Common().Value.(*ssa.Builtin); !builtin && slices.ContainsFunc(x.Common().Args, is) {
						return true
					}
				}
			}
		}
	}
	return false
}
