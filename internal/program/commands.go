// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// otherProcess tells whether two roots are never there in one process: all that brings the one about is run by other commands
// than what brings the other about, and a process runs one command.
func (c *Concurrency) otherProcess(x, y *Root) bool {
	of, with := c.commandsOf(x), c.commandsOf(y)
	return len(of) > 0 && len(with) > 0 && !slices.ContainsFunc(of, func(a *Root) bool {
		return slices.ContainsFunc(with, func(b *Root) bool { return c.oneProcess(a, b) })
	})
}

// OneProcess tells whether one process may come to both of two functions. Where nothing in sight leads to one, it may.
func (c *Concurrency) OneProcess(f, g *ssa.Function) bool {
	none := true
	for x := range c.Of(f) {
		for y := range c.Of(g) {
			if none = false; !c.p.Apart(x.Func, y.Func) && !c.otherProcess(x, y) {
				return true
			}
		}
	}
	return none
}

// oneProcess tells whether a process can run both of two commands: they are one, or one is the main function that looks for the
// other, or runs before it.
func (c *Concurrency) oneProcess(a, b *Root) bool {
	if a == b {
		return true
	}
	return !(a.Entry.command && b.Entry.command) && !(isMain(a) && isMain(b)) && !c.p.Apart(a.Func, b.Func)
}

// isMain tells whether a root is the main function of a program.
func isMain(r *Root) bool {
	return r.Func.Name() == "main" && r.Func.Signature.Recv() == nil && r.Func.Parent() == nil
}

// commandsOf lists the commands, and main functions, that bring a root about, itself if it is one; none if something else may
// bring it about as well.
func (c *Concurrency) commandsOf(r *Root) []*Root {
	if known, ok := c.commands[r]; ok {
		return known
	}
	c.commands[r] = c.findCommandsOf(r)
	return c.commands[r]
}

func (c *Concurrency) findCommandsOf(r *Root) []*Root {
	var out []*Root
	seen := map[*Root]bool{r: true}
	for queue := []*Root{r}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if Initialises(outermost(at.Func)) {
			return nil // all programs that have the package
		}
		if at.Entry != nil && at.Entry.Kind == EntryMain {
			out = append(out, at)
			continue
		}
		fns := c.broughtAboutIn(at)
		if len(fns) == 0 {
			return nil
		}
		for _, fn := range fns {
			if c.First(fn) == nil {
				return nil
			}
			for by := range c.Of(fn) {
				if !by.Known() {
					return nil
				}
				if !seen[by] {
					seen[by] = true
					queue = append(queue, by)
				}
			}
		}
	}
	return out
}

// broughtAboutIn lists the functions that bring a root about: the one around a closure, else those that start it or hand it to its
// framework.
func (c *Concurrency) broughtAboutIn(r *Root) []*ssa.Function {
	if outer := r.Func.Parent(); outer != nil {
		return []*ssa.Function{outer}
	}
	var out []*ssa.Function
	for _, site := range r.BroughtAbout() {
		out = append(out, site.Parent())
	}
	return out
}

// Initialises tells whether a function initialises a package, as its init functions do: nothing else runs before.
func Initialises(fn *ssa.Function) bool {
	return fn.Parent() == nil && fn.Signature.Recv() == nil && (fn.Name() == "init" || strings.HasPrefix(fn.Name(), "init#"))
}
