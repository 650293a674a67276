// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// channelGatherer walks own code once and connects operations with the channels they work on.
type channelGatherer struct {
	p   *program.Program
	r   *channelResolver
	out *Channels
}

// gatherChannels finds all channels of own code, all operations on them, and which of them other code can reach.
func gatherChannels(p *program.Program, r *channelResolver) *Channels {
	g := &channelGatherer{p: p, r: r, out: &Channels{
		byMake: r.made, byFunc: make(map[*ssa.Function][]*ChannelOp), byInstr: make(map[ssa.Instruction][]*ChannelOp),
	}}
	g.out.All = r.all
	names := newSourceNames(p)
	for _, fn := range p.Funcs {
		from := len(g.out.Ops)
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				g.operations(fn, instr)
				g.foreign(fn, instr)
			}
		}
		names.fill(fn, g.out.Ops[from:])
	}
	for _, c := range g.out.All {
		c.Name = names.ofMake(c)
	}
	return g.out
}

func (g *channelGatherer) operations(fn *ssa.Function, instr ssa.Instruction) {
	switch x := instr.(type) {
	case *ssa.Send:
		g.add(&ChannelOp{Kind: ChannelSend, Func: fn, Instr: x, Value: x.Chan, Sent: x.X, Pos: x.Pos()})
	case *ssa.UnOp:
		if x.Op == token.ARROW {
			g.add(&ChannelOp{Kind: ChannelReceive, Func: fn, Instr: x, Value: x.X, Pos: x.Pos(), Range: isRangeReceive(x)})
		}
	case *ssa.Select:
		for i, st := range x.States {
			op := &ChannelOp{Kind: ChannelReceive, Func: fn, Instr: x, Value: st.Chan, Pos: st.Pos, Select: x, Case: i}
			if st.Dir == types.SendOnly {
				op.Kind, op.Sent = ChannelSend, st.Send
			}
			g.add(op)
		}
	case ssa.CallInstruction:
		if b, ok := x.Common().Value.(*ssa.Builtin); ok && b.Name() == "close" {
			_, deferred := x.(*ssa.Defer)
			g.add(&ChannelOp{Kind: ChannelClose, Func: fn, Instr: x, Value: x.Common().Args[0], Pos: x.Pos(), Deferred: deferred})
		}
	}
}

func (g *channelGatherer) add(op *ChannelOp) {
	found := g.r.resolve(op.Value)
	op.Channels, op.Exact, op.Nil = found.channels, found.exact, found.onlyNil
	if !op.Pos.IsValid() {
		op.Pos = nearestPos(op.Instr)
	}
	g.out.Ops = append(g.out.Ops, op)
	g.out.byFunc[op.Func] = append(g.out.byFunc[op.Func], op)
	g.out.byInstr[op.Instr] = append(g.out.byInstr[op.Instr], op)
	for _, c := range op.Channels {
		c.Ops = append(c.Ops, op)
	}
}

// isRangeReceive tells whether a receive drives a range statement: the builder puts it into a block called rangechan.loop.
func isRangeReceive(x *ssa.UnOp) bool {
	return x.Block() != nil && x.Block().Comment == "rangechan.loop"
}

// nearestPos returns the position of the closest instruction that has one, else that of the function.
func nearestPos(instr ssa.Instruction) token.Pos {
	if pos := instr.Pos(); pos.IsValid() {
		return pos
	}
	b := instr.Block()
	at := slices.Index(b.Instrs, instr)
	for i := at; i < len(b.Instrs); i++ {
		if pos := b.Instrs[i].Pos(); pos.IsValid() {
			return pos
		}
	}
	for _, pred := range b.Preds {
		for i := len(pred.Instrs) - 1; i >= 0; i-- {
			if pos := pred.Instrs[i].Pos(); pos.IsValid() {
				return pos
			}
		}
	}
	return instr.Parent().Pos()
}

// foreign marks the channels that an instruction hands to code that is not reviewed.
func (g *channelGatherer) foreign(fn *ssa.Function, instr ssa.Instruction) {
	switch x := instr.(type) {
	case ssa.CallInstruction:
		g.foreignCall(x)
	case *ssa.MakeInterface:
		if isChannel(x.X.Type()) {
			g.expose(x.X, x.X.Type())
		}
	case *ssa.Store:
		addr, ok := x.Addr.(*ssa.FieldAddr)
		if ok && isChannel(x.Val.Type()) && g.openField(addr) {
			g.expose(x.Val, x.Val.Type())
		}
		if global, ok := x.Addr.(*ssa.Global); ok && isChannel(x.Val.Type()) && g.importable(global.Object()) {
			g.expose(x.Val, x.Val.Type())
		}
	case *ssa.Return:
		if len(g.p.Callers(fn)) > 0 && !g.importable(fn.Object()) {
			return
		}
		for _, v := range x.Results {
			if isChannel(v.Type()) {
				g.expose(v, v.Type())
			}
		}
	}
}

// foreignCall marks the channels among the arguments of a call that leaves own code.
func (g *channelGatherer) foreignCall(site ssa.CallInstruction) {
	common := site.Common()
	if _, ok := common.Value.(*ssa.Builtin); ok {
		return
	}
	if len(g.p.Static(site)) > 0 {
		return
	}
	for _, arg := range common.Args {
		if isChannel(arg.Type()) {
			g.expose(arg, arg.Type())
		}
	}
}

// openField tells whether code that is not reviewed can read the field: it belongs to a type of a dependency, or is
// exported from a package that others can import.
func (g *channelGatherer) openField(addr *ssa.FieldAddr) bool {
	key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field)
	if !ok {
		return false
	}
	if !g.p.OwnType(key.Type) {
		return true
	}
	field := key.Var()
	return field != nil && g.importable(field) && key.Type.Obj().Exported()
}

// importable tells whether obj is exported from a package that other modules can import. Nobody can import what a test
// file declares.
func (g *channelGatherer) importable(obj types.Object) bool {
	if obj == nil || !obj.Exported() || obj.Pkg() == nil || obj.Pkg().Name() == "main" || g.p.InTestFile(obj.Pos()) {
		return false
	}
	path := "/" + obj.Pkg().Path() + "/"
	return !strings.Contains(path, "/internal/") && !strings.Contains(path, "/cmd/")
}

// expose records that other code holds the channels behind v, with the rights that the type gives.
func (g *channelGatherer) expose(v ssa.Value, t types.Type) {
	dir := t.Underlying().(*types.Chan).Dir()
	for _, c := range g.r.resolve(v).channels {
		c.ForeignSends = c.ForeignSends || dir != types.RecvOnly
		c.ForeignReceives = c.ForeignReceives || dir != types.SendOnly
	}
}

// sourceNames tells how the source writes channel operands.
type sourceNames struct {
	p *program.Program
}

func newSourceNames(p *program.Program) *sourceNames { return &sourceNames{p} }

// fill sets Expr of the operations of one function, from its syntax.
func (n *sourceNames) fill(fn *ssa.Function, ops []*ChannelOp) {
	if len(ops) == 0 {
		return
	}
	exprs := make(map[token.Pos]ast.Expr)
	if root := fn.Syntax(); root != nil {
		ast.Inspect(root, func(node ast.Node) bool {
			switch x := node.(type) {
			case *ast.SendStmt:
				exprs[x.Arrow] = x.Chan
			case *ast.UnaryExpr:
				if x.Op == token.ARROW {
					exprs[x.OpPos] = x.X
				}
			case *ast.RangeStmt:
				exprs[x.TokPos], exprs[x.For] = x.X, x.X
			case *ast.CallExpr:
				if id, ok := x.Fun.(*ast.Ident); ok && id.Name == "close" && len(x.Args) == 1 {
					exprs[x.Lparen], exprs[x.Pos()] = x.Args[0], x.Args[0]
				}
			case *ast.DeferStmt:
				if id, ok := x.Call.Fun.(*ast.Ident); ok && id.Name == "close" && len(x.Call.Args) == 1 {
					exprs[x.Defer] = x.Call.Args[0]
				}
			}
			return true
		})
	}
	for _, op := range ops {
		if expr := exprs[op.Pos]; expr != nil {
			op.Expr = types.ExprString(expr)
		} else if name := placeName(op.Value); name != "" {
			op.Expr = name
		} else {
			op.Expr = "the channel"
		}
	}
}

// placeName names the variable, parameter or field that a value was read from.
func placeName(v ssa.Value) string {
	switch x := v.(type) {
	case *ssa.Parameter:
		return x.Name()
	case *ssa.FreeVar:
		return x.Name()
	case *ssa.Global:
		return x.Name()
	case *ssa.Alloc:
		return x.Comment
	case *ssa.ChangeType:
		return placeName(x.X)
	case *ssa.UnOp:
		return placeName(x.X)
	case *ssa.FieldAddr:
		if key, ok := program.FieldKeyOf(x.X.Type(), x.Field); ok && key.Var() != nil {
			return key.Var().Name()
		}
	}
	return ""
}

// ofMake names the channel by what the code does with it: the shortest operand among its operations, else its kind.
func (n *sourceNames) ofMake(c *Channel) string {
	name := ""
	for _, op := range c.Ops {
		if op.Expr != "the channel" && (name == "" || cmp.Compare(len(op.Expr), len(name)) < 0) {
			name = op.Expr
		}
	}
	if name == "" {
		name = "the channel"
	}
	return name
}
