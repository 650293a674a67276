// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// sendDepth bounds the own calls that are followed to what they send.
const sendDepth = 4

// Sends returns the call by which site, itself or through what it calls, tells another system something that cannot be
// taken back: an HTTP request that is no read, a mail; nil if it does not.
func (e *Effects) Sends(site ssa.CallInstruction) ssa.CallInstruction { return e.sends(site, 0) }

func (e *Effects) sends(site ssa.CallInstruction, depth int) ssa.CallInstruction {
	if e.isSend(site) {
		return site
	}
	if depth == sendDepth {
		return nil
	}
	for _, callee := range e.Program.Static(site) {
		for inner := range program.Sites(callee) {
			if found := e.sends(inner, depth+1); found != nil {
				return found
			}
		}
	}
	return nil
}

// isSend knows the mailers and the writing verbs of net/http.
func (e *Effects) isSend(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil {
		return false
	}
	switch target.Pkg().Path() {
	case "net/smtp":
		return target.Name() == "SendMail"
	case "gopkg.in/gomail.v2", "gopkg.in/mail.v2", "github.com/wneessen/go-mail":
		return target.Name() == "DialAndSend" || target.Name() == "DialAndSendWithContext" || target.Name() == "Send"
	}
	row := program.Model(site)
	if row == nil || row.Effect != kube.Network || row.Pkg != "net/http" {
		return false
	}
	switch row.Name {
	case "Post", "PostForm":
		return true
	case "Do":
		return e.writingRequest(program.Argument(site, 0))
	}
	return false
}

// writingRequest tells whether a request was made with a method that changes something.
func (e *Effects) writingRequest(request ssa.Value) bool {
	for _, src := range e.Program.Sources(request).Values {
		if ex, ok := src.(*ssa.Extract); ok {
			src = ex.Tuple
		}
		call, ok := src.(*ssa.Call)
		if !ok {
			continue
		}
		for _, arg := range call.Call.Args {
			c, isConst := arg.(*ssa.Const)
			if !isConst || c.Value == nil || c.Value.Kind() != constant.String {
				continue
			}
			switch constant.StringVal(c.Value) {
			case "POST", "PUT", "PATCH", "DELETE":
				return true
			}
		}
	}
	return false
}
