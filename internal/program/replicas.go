// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Replicas is what the manifests say on how many replicas of a program run.
type Replicas struct {
	// Most is the highest number that a Deployment or StatefulSet asks for; 0 if none gives a number.
	Most int
	// Folder is the one whose manifests were read.
	Folder string
	// File and Line say where.
	File string
	Line int
	// PerNode is set when there is a DaemonSet.
	PerNode bool
	// Open is set when some Deployment takes its number from a template or leaves it out.
	Open bool
}

// workload is a Deployment, StatefulSet or DaemonSet of the tree.
type workload struct {
	file     string
	line     int
	perNode  bool
	replicas int // 0: not given, or by a template
}

// ReplicasOf returns what the manifests say of the program that the code at pos is part of: those in the closest folder
// around it that has any. Manifests of tests and samples do not count.
func (p *Program) ReplicasOf(pos token.Pos) Replicas {
	if p.workloads == nil {
		p.workloads = p.readWorkloads()
	}
	file, _, _ := p.Position(pos)
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		near := slices.DeleteFunc(slices.Clone(p.workloads), func(w workload) bool {
			return dir != "." && !strings.HasPrefix(w.file, dir+"/")
		})
		if len(near) > 0 || dir == "." || dir == "/" {
			out := summarize(near)
			out.Folder = dir
			return out
		}
	}
}

func summarize(all []workload) Replicas {
	var out Replicas
	for _, w := range all {
		switch {
		case w.perNode:
			out.PerNode = true
		case w.replicas == 0:
			out.Open = true
		case w.replicas > out.Most:
			out.Most, out.File, out.Line = w.replicas, w.file, w.line
		}
	}
	return out
}

// readWorkloads reads the workloads of the tree, in the order of files and lines.
func (p *Program) readWorkloads() []workload {
	out := []workload{}
	for _, name := range Manifests(p.Code.Root) {
		rel := p.RelPath(name)
		if aside(rel) {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			continue // what cannot be read asks for nothing
		}
		out = append(out, parseWorkloads(rel, string(data))...)
	}
	return out
}

// parseWorkloads looks at the documents of one file. A document without a selector is a patch of another one: it counts
// only if it gives a number.
func parseWorkloads(file, text string) []workload {
	var out []workload
	var w workload
	found, whole, n := false, false, 0
	leave := func() {
		if found && (whole || w.replicas > 0) {
			out = append(out, w)
		}
		found, whole = false, false
	}
	for line := range strings.Lines(text) {
		n++
		switch {
		case strings.HasPrefix(line, "---"):
			leave()
		case strings.HasPrefix(line, "kind:"):
			kind := strings.TrimSpace(strings.TrimPrefix(line, "kind:"))
			found = kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet"
			w = workload{file: file, line: n, perNode: kind == "DaemonSet"}
		case strings.HasPrefix(line, "  selector:"):
			whole = true
		case found && strings.HasPrefix(line, "  replicas:"):
			if count, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "  replicas:"))); err == nil {
				w.replicas, w.line = count, n
			}
		}
	}
	leave()
	return out
}

// Aside tells whether pos lies in a folder of tests, samples, documents or development tools, or in a package of which only
// such things are built.
func (p *Program) Aside(pos token.Pos) bool {
	file, _, _ := p.Position(pos)
	return aside(file) || p.tools[p.Fset.Position(pos).Filename]
}

// Tests tells whether test files are reviewed, too.
func (p *Program) Tests() bool {
	for _, pkg := range p.Code.Packages {
		for _, f := range pkg.Files {
			if f.Test {
				return true
			}
		}
	}
	return false
}

// aside tells whether a path leads through a folder of tests, samples or third-party tools.
func aside(rel string) bool {
	for elem := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(rel)), "/") {
		switch elem {
		case "test", "tests", "e2e", "examples", "example", "samples", "hack", "script", "scripts", "devex", "third_party", "docs":
			return true
		}
	}
	return false
}
