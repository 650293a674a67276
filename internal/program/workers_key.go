// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"golang.org/x/tools/go/ssa"
)

// WorkqueuePath is client-go's package of the queues that hand a key to one worker at a time.
const WorkqueuePath = "k8s.io/client-go/util/workqueue"

// queueDepth bounds the calls from a worker to where it takes the next key.
const queueDepth = 2

// oneKey tells whether the workers of a root take their work from a queue that only ever holds one key: it is handed to one of
// them, and to the next when that has done with it.
func (c *Concurrency) oneKey(r *Root) bool {
	queue, ok := c.p.queueOf(r.Func, 0)
	return ok && c.p.onlyKey(queue)
}

// TakesKeys tells whether a function takes work from a queue that hands a key to one worker at a time.
func (p *Program) TakesKeys(fn *ssa.Function) bool {
	_, ok := p.queueOf(fn, 0)
	return ok
}

// queueOf returns the field that holds the queue a function takes keys from.
func (p *Program) queueOf(fn *ssa.Function, depth int) (FieldKey, bool) {
	for site := range Sites(fn) {
		if queue, ok := onQueue(site, "Get"); ok {
			return queue, true
		}
	}
	if depth == queueDepth {
		return FieldKey{}, false
	}
	for site := range Sites(fn) {
		if callee := site.Common().StaticCallee(); callee != nil && p.Own(callee) {
			if queue, ok := p.queueOf(callee, depth+1); ok {
				return queue, true
			}
		}
	}
	return FieldKey{}, false
}

// onQueue tells whether a call is one of several methods on a queue that a field holds, and returns the field.
func onQueue(site ssa.CallInstruction, methods ...string) (FieldKey, bool) {
	target := Target(site)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != WorkqueuePath || !slices.Contains(methods, target.Name()) {
		return FieldKey{}, false
	}
	load, ok := Receiver(site).(*ssa.UnOp)
	if !ok {
		return FieldKey{}, false
	}
	field, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return FieldKey{}, false
	}
	return FieldKeyOf(field.X.Type(), field.Field)
}

// onlyKey tells whether all that is ever added to a queue is one constant, or one name of the object itself, and what was taken
// from it.
func (p *Program) onlyKey(queue FieldKey) bool {
	var keys []string
	for _, fn := range p.Funcs {
		if p.InTest(fn) {
			continue
		}
		for site := range Sites(fn) {
			if to, ok := onQueue(site, "Add", "AddAfter", "AddRateLimited"); !ok || to != queue {
				continue
			}
			for _, src := range p.Sources(Argument(site, 0)).Values {
				switch x := src.(type) {
				case *ssa.Const:
					if key := x.String(); !slices.Contains(keys, key) {
						keys = append(keys, key)
					}
				case *ssa.Extract:
					call, ok := x.Tuple.(*ssa.Call)
					if !ok {
						return false
					}
					if from, ok := onQueue(call, "Get"); !ok || from != queue {
						return false
					}
				case *ssa.Call:
					if !spelledOfOwn(x) {
						return false
					}
					if key := p.At(x.Pos()); !slices.Contains(keys, key) {
						keys = append(keys, key)
					}
				default:
					return false
				}
			}
		}
	}
	return len(keys) == 1
}

// spelledOfOwn tells whether a method formats a text of fields of its receiver, and of nothing else.
func spelledOfOwn(call *ssa.Call) bool {
	target, fn := Target(call), call.Parent()
	if target == nil || target.FullName() != "fmt.Sprintf" || fn.Signature.Recv() == nil {
		return false
	}
	parts, ok := Elements(call.Call.Args[1])
	return ok && !slices.ContainsFunc(parts, func(part ssa.Value) bool {
		if box, ok := part.(*ssa.MakeInterface); ok {
			part = box.X
		}
		load, ok := part.(*ssa.UnOp)
		if !ok {
			return true
		}
		field, ok := load.X.(*ssa.FieldAddr)
		return !ok || field.X != ssa.Value(fn.Params[0])
	})
}
