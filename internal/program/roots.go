// SPDX-License-Identifier: Apache-2.0

package program

import "golang.org/x/tools/go/ssa"

// findRoots collects entry points, started functions, and functions that nobody calls.
func (c *Concurrency) findRoots() {
	for _, fn := range c.p.Funcs {
		root := &Root{Func: fn, Entry: c.p.entryAt[fn]}
		called := false
		for _, e := range c.p.Callers(fn) {
			if e.How == Starts {
				root.Sites = append(root.Sites, e.Site)
			} else {
				called = true
			}
		}
		if root.Entry == nil && !c.p.InTest(fn) {
			root.contract = contractOf(fn)
		}
		if root.Entry != nil || root.contract != nil || len(root.Sites) > 0 || !called {
			c.addRoot(root)
		}
	}
}

func (c *Concurrency) addRoot(root *Root) {
	root.index = len(c.Roots)
	c.Roots = append(c.Roots, root)
	c.at[root.Func] = root
}

// findCircles adds a root for functions that call each other, or themselves, and that nothing else leads to: they are
// entered from out of sight. It is the first of them in the order of the code.
func (c *Concurrency) findCircles() {
	reached := make(map[*ssa.Function]bool)
	for _, root := range c.Roots {
		c.reach(root.Func, reached)
	}
	for _, fn := range c.p.Funcs {
		if !reached[fn] && fn.Parent() == nil {
			c.addRoot(&Root{Func: fn})
			c.reach(fn, reached)
		}
	}
}

// reach marks what a function leads to.
func (c *Concurrency) reach(fn *ssa.Function, reached map[*ssa.Function]bool) {
	queue := []*ssa.Function{fn}
	for len(queue) > 0 {
		fn = queue[0]
		queue = queue[1:]
		if reached[fn] {
			continue
		}
		reached[fn] = true
		for _, e := range c.p.CallsFrom(fn) {
			queue = append(queue, e.Callee)
		}
	}
}

// Unseen tells whether code out of sight calls fn: nothing in sight that is known to run leads there.
func (c *Concurrency) Unseen(fn *ssa.Function) bool {
	root := c.at[fn]
	return root != nil && !root.Known()
}
