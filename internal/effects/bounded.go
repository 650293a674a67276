// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Bounded tells whether a call ends after a while whatever its context: its client has a timeout, it is a poll that gives
// up, or it asks a plugin, which is a process of the same machine.
func (e *Effects) Bounded(site ssa.CallInstruction) bool {
	if row := program.Model(site); row != nil && row.GivesUp {
		return true
	}
	target := program.Target(site)
	if target == nil || target.Pkg() == nil {
		return false
	}
	switch pkg, name := target.Pkg().Path(), target.Name(); {
	case pkg == "k8s.io/client-go/discovery":
		return true // 32 seconds unless its configuration says more
	case isRedis(pkg):
		return !waitsByNature(name)
	case pkg == "net/http" && strings.HasPrefix(name, "NewRequest"):
		return e.sentWithTimeout(site)
	}
	if row := program.Model(site); row != nil && (row.Effect.IsRead() || row.Effect.IsWrite()) && e.clientTimesOut(program.Receiver(site)) {
		return true
	}
	return e.hasTimeout(program.Receiver(site)) || e.Contexts().plugins.isRequest(site)
}

// isRedis knows go-redis and the cache over it, whose reads and writes time out after three seconds unless told otherwise.
// https://pkg.go.dev/github.com/redis/go-redis/v9#Options
func isRedis(pkg string) bool {
	for _, prefix := range []string{"github.com/redis/go-redis/", "github.com/go-redis/redis/", "github.com/go-redis/cache/"} {
		if strings.HasPrefix(pkg, prefix) {
			return true
		}
	}
	return false
}

// waitsByNature knows the commands of Redis that wait for somebody else, and the subscriptions.
func waitsByNature(name string) bool {
	for _, part := range []string{"Subscribe", "Receive", "Wait", "XRead", "BLPop", "BRPop", "BLMove", "BLMPop", "BZ"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// hasTimeout tells whether a value is an http.Client that is made with a Timeout in all cases.
func (e *Effects) hasTimeout(client ssa.Value) bool {
	if client == nil || !program.IsNamed(client.Type(), "net/http", "Client") {
		return false
	}
	made := false
	for _, src := range e.Program.Sources(client).Values {
		if fn := src.Parent(); fn != nil && e.Program.InTest(fn) {
			continue
		}
		alloc, ok := src.(*ssa.Alloc)
		if !ok {
			return false
		}
		if places, _ := placesOf(alloc); !setsField("Timeout", places...) {
			return false
		}
		made = true
	}
	return made
}

// sentWithTimeout tells whether the request that a call makes is sent by own code, and by clients with a timeout only.
func (e *Effects) sentWithTimeout(made ssa.CallInstruction) bool {
	senders := e.requestSenders()[made]
	for _, send := range senders {
		if !e.hasTimeout(program.Receiver(send)) {
			return false
		}
	}
	return len(senders) > 0
}

// requestSenders are the calls that send a request, for each call that makes one.
func (e *Effects) requestSenders() map[ssa.CallInstruction][]ssa.CallInstruction {
	if e.senders == nil {
		e.senders = e.findSenders()
	}
	return e.senders
}

// findSenders finds, for each call that makes an HTTP request, the calls that send it.
func (e *Effects) findSenders() map[ssa.CallInstruction][]ssa.CallInstruction {
	out := make(map[ssa.CallInstruction][]ssa.CallInstruction)
	for _, fn := range e.Program.Funcs {
		for site := range program.Sites(fn) {
			target := program.Target(site)
			if target == nil || target.Name() != "Do" || target.Pkg() == nil || target.Pkg().Path() != "net/http" {
				continue
			}
			for _, src := range e.Program.Sources(program.Argument(site, 0)).Values {
				if ex, ok := src.(*ssa.Extract); ok {
					src = ex.Tuple
				}
				if made, ok := src.(ssa.CallInstruction); ok {
					out[made] = append(out[made], site)
				}
			}
		}
	}
	return out
}

func makesRequest(site ssa.CallInstruction) bool {
	target := program.Target(site)
	return target != nil && target.Pkg() != nil && target.Pkg().Path() == "net/http" && strings.HasPrefix(target.Name(), "NewRequest")
}

// RecordsEvent tells whether a call writes an Event: the record of what was done, which matters however the request ends.
func RecordsEvent(site ssa.CallInstruction) bool {
	if recv := program.Receiver(site); recv != nil {
		if named := program.Named(recv.Type()); named != nil && named.Obj().Name() == "EventInterface" {
			return true
		}
	}
	row := program.Model(site)
	if row == nil || !row.Effect.IsWrite() {
		return false
	}
	for _, arg := range site.Common().Args {
		if k, ok := kube.KindOf(stripped(arg).Type()); ok && k.Name == "Event" && strings.HasPrefix(k.Pkg, "k8s.io/api/") {
			return true
		}
	}
	return false
}
