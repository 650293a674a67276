// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// BlockKind says what a function waits for.
type BlockKind int

// The kinds of waiting.
const (
	Request BlockKind = iota // a request to the API server
	Network                  // another request over the network
	Receive
	Send
	Choice // a select without default
	WaitGroup
	CondWait
	Sleep
	Library // a function of a library that takes a context and may fail: what it waits for is not known
	Other   // anything else of a library that may wait long
)

// Remote tells whether another machine decides how long the wait is.
func (k BlockKind) Remote() bool { return k == Request || k == Network }

// Block is an instruction that may wait long, in a function or in what it calls.
type Block struct {
	Kind BlockKind
	At   ssa.Instruction
	// Row is the model's word on the call, nil for channel operations.
	Row *kube.Call
	// Call is the call through which the function gets there, and Inner what the callee does; nil for its own.
	Call  ssa.CallInstruction
	Inner *Block
	// Started is set where the call starts a goroutine that does it, and whose end is waited for.
	Started bool
	Given   []Place
	// when is what the function must have been called with.
	when when
}

// Path returns the calls from the function to the waiting instruction.
func (b *Block) Path() []ssa.CallInstruction {
	var out []ssa.CallInstruction
	for ; b.Inner != nil; b = b.Inner {
		out = append(out, b.Call)
	}
	return out
}

// blockOf recognises an instruction that may wait.
func (l *Locks) blockOf(instr ssa.Instruction) *Block {
	switch x := instr.(type) {
	case *ssa.Send:
		return &Block{Kind: Send, At: x}
	case *ssa.UnOp:
		if x.Op == token.ARROW {
			return &Block{Kind: Receive, At: x}
		}
	case *ssa.Select:
		if x.Blocking {
			return &Block{Kind: Choice, At: x}
		}
	case *ssa.Call:
		return l.blockingCall(x)
	}
	return nil
}

func (l *Locks) blockingCall(call *ssa.Call) *Block {
	op := l.opOf(call)
	if op.kind == opCondWait {
		return &Block{Kind: CondWait, At: call, Given: []Place{op.lock.Place}}
	}
	row := program.Model(call)
	if row == nil && l.mayAsk(call) {
		return &Block{Kind: Library, At: call}
	}
	if row == nil || op.kind != noOp || listens(call) {
		return nil
	}
	switch {
	case row.Effect.IsWrite(), row.Effect == kube.ReadLive, row.Effect == kube.Watch, row.Effect == kube.RequestEnd:
		return &Block{Kind: Request, At: call, Row: row}
	case row.Effect == kube.ReadByProvenance, row.Effect == kube.List:
		if l.liveRead(call, row) {
			return &Block{Kind: Request, At: call, Row: row}
		}
	case row.Effect == kube.Network:
		return &Block{Kind: Network, At: call, Row: row}
	case row.Effect == kube.Block && row.Name == "Sleep":
		return &Block{Kind: Sleep, At: call, Row: row}
	case row.Effect == kube.Block && row.Name == "Wait":
		return &Block{Kind: WaitGroup, At: call, Row: row}
	case row.Effect == kube.Block:
		return &Block{Kind: Other, At: call, Row: row}
	}
	return nil
}

// listens tells whether a call only opens a port of this machine.
func listens(call *ssa.Call) bool {
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && target.Pkg().Path() == "net" && strings.HasPrefix(target.Name(), "Listen")
}

// mayAsk tells whether a library that is neither in sight nor known is called with a context, and can fail.
func (l *Locks) mayAsk(call *ssa.Call) bool {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || l.program.OwnPackage(target.Pkg()) || !strings.Contains(target.Pkg().Path(), ".") {
		return false
	}
	sig := target.Signature()
	if sig.Params().Len() == 0 || !program.IsNamed(sig.Params().At(0).Type(), "context", "Context") {
		return false
	}
	return program.ReturnsError(sig)
}

// liveRead tells whether a read goes to the API server for sure.
func (l *Locks) liveRead(call *ssa.Call, row *kube.Call) bool {
	if row.Provenance != "" {
		return row.Provenance == "live"
	}
	client := program.Receiver(call)
	object := program.Argument(call, row.Object)
	if client == nil || object == nil {
		return false
	}
	freshness, _ := l.program.ClientOf(client, object.Type())
	return freshness == program.Live
}

// sumBlocks collects where each function may wait, and hands it up to the callers.
func (l *Locks) sumBlocks() {
	l.blocks = make(map[*ssa.Function]*summary[*Block])
	var queue []*ssa.Function
	for _, fn := range l.program.Funcs {
		s := newSummary[*Block]()
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				block := l.blockOf(instr)
				if block == nil {
					continue
				}
				block.when = whenOf(instr)
				if l.flows[fn] != nil {
					block.Given = join(block.Given, l.givenBefore(instr))
				}
				addBlock(s, block)
			}
		}
		if len(s.list) > 0 {
			l.blocks[fn] = s
			queue = append(queue, fn)
		}
	}
	l.spreadUp(queue, func(e program.Edge) bool { return runsLater(e) && l.awaited(e) == nil }, func(fn *ssa.Function, e program.Edge) bool { return l.handBlocks(fn, e) })
}

func (l *Locks) handBlocks(fn *ssa.Function, e program.Edge) bool {
	caller := e.Caller()
	s := l.blocks[caller]
	if s == nil {
		s = newSummary[*Block]()
	}
	var given []Place
	if l.flows[caller] != nil {
		given = l.givenBefore(e.Site)
	}
	learned := false
	for _, b := range l.blocks[fn].list {
		if e.How == program.Starts && !b.Kind.Remote() {
			continue // who waits for whom in this process is asked of the goroutine itself
		}
		w, never := b.when.at(e)
		if never {
			continue
		}
		if w.param == nil {
			w = whenOf(e.Site)
		}
		up := &Block{Kind: b.Kind, At: b.At, Row: b.Row, Call: e.Site, Inner: b, Started: e.How == program.Starts, Given: join(b.Given, given), when: w}
		learned = addBlock(s, up) || learned
	}
	if len(s.list) > 0 {
		l.blocks[caller] = s
	}
	return learned
}

// Blocks returns where fn may wait, itself or in what it calls.
func (l *Locks) Blocks(fn *ssa.Function) []*Block {
	if s := l.blocks[fn]; s != nil {
		return s.list
	}
	return nil
}

// BlocksAt returns where an instruction may wait: itself, inside of what it calls, or in the goroutine that it waits for.
func (l *Locks) BlocksAt(instr ssa.Instruction) []*Block {
	if b := l.blockOf(instr); b != nil {
		return append([]*Block{b}, l.blocksOfAwaited(instr)...)
	}
	site, ok := instr.(*ssa.Call)
	if !ok {
		return nil
	}
	var out []*Block
	for _, e := range l.calleesAt(site) {
		if runsLater(e) {
			continue
		}
		for _, b := range l.Blocks(e.Callee) {
			if _, never := b.when.at(e); never {
				continue
			}
			out = append(out, &Block{Kind: b.Kind, At: b.At, Row: b.Row, Call: site, Inner: b, Given: b.Given})
		}
	}
	return out
}

// blocksOfAwaited returns where the goroutines may wait whose end an instruction waits for.
func (l *Locks) blocksOfAwaited(wait ssa.Instruction) []*Block {
	var out []*Block
	for _, e := range l.program.CallsFrom(wait.Parent()) {
		if l.awaited(e) != wait {
			continue
		}
		for _, b := range l.Blocks(e.Callee) {
			if _, never := b.when.at(e); !never && b.Kind.Remote() {
				out = append(out, &Block{Kind: b.Kind, At: b.At, Row: b.Row, Call: e.Site, Inner: b, Started: true, Given: b.Given})
			}
		}
	}
	return out
}

type blockKey struct {
	at   ssa.Instruction
	when when
}

// addBlock keeps a few places of each kind: one is enough to tell, and the rest differ in nothing that matters.
func addBlock(s *summary[*Block], b *Block) bool {
	same := 0
	for _, other := range s.list {
		if other.Kind == b.Kind {
			same++
		}
	}
	return same < blockLimit && s.add(blockKey{b.At, b.when}, b, len(s.list)+1)
}
