// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The table's files: one for a family of modules. Their format is line by line:
//
//	# a comment, to the end of the line
//	module PATH VERSION...        the module of what follows, without major version; the versions it is checked against
//	package SUFFIX WORD...        the package of what follows, relative to the module; "." is its root
//	RECV.NAME EFFECT WORD...      a row
//	NAME EFFECT WORD...           a row of a function, variable or type of the package
//
// NAME may be A|B|C: a row for each. RECV may be Old/New: one type that was renamed; each version has one of them.
// A word is key=value or a flag:
//
//	obj= closure= client= payload= key= into=   argument numbers, neither receiver nor context counted
//	guard= from= sub= touches= patch= begins=   Protection, Provenance, Subresource, Touches, PatchType, Begins
//	since= until= absent=FIRST..LAST            versions of the module, inclusive; the first two also for a whole package
//	shared                                      Shared
//	gives-up                                    GivesUp
//
//go:embed table/*.txt
var tableFiles embed.FS

// symbol is the key of the table.
type symbol struct{ pkg, recv, name string }

// model is the parsed table.
type model struct {
	rows  map[symbol]*Call
	lines []line // in the order of the files
}

// line is a row as written, for those who check the table against the modules.
type line struct {
	module *module
	pkg    string   // import path with the module's own major version
	recvs  []string // the names that the receiver had; "" for package level
	name   string
	call   *Call
	pos    string // file:line
}

// module is where rows come from.
type module struct {
	path     string
	versions []string
}

// table parses the embedded files, once. They are part of the program: an error in them is a bug, which a test
// shows, and not the user's.
var table = sync.OnceValue(func() *model {
	m, err := loadTable()
	if err != nil {
		panic(fmt.Sprintf("kube: the API table is broken: %v", err))
	}
	return m
})

func loadTable() (*model, error) {
	m := &model{rows: make(map[symbol]*Call, 2048)}
	files, err := tableFiles.ReadDir("table")
	if err != nil {
		return nil, fmt.Errorf("listing the API table: %w", err)
	}
	for _, f := range files {
		text, err := tableFiles.ReadFile(path.Join("table", f.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the API table: %w", err)
		}
		if err := m.parse(f.Name(), string(text)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// parse adds the rows of one file. The error names file and line.
func (m *model) parse(file, text string) error {
	p := reader{model: m}
	n := 0
	for text := range strings.Lines(text) {
		n++
		text, _, _ = strings.Cut(text, "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		p.pos = file + ":" + strconv.Itoa(n)
		if err := p.line(words); err != nil {
			return fmt.Errorf("%s: %w", p.pos, err)
		}
	}
	return nil
}

type reader struct {
	model  *model
	module *module
	pkg    string
	pos    string

	packageWords *Call // since and until, for rows that do not say otherwise
}

func (p *reader) line(words []string) error {
	switch words[0] {
	case "module":
		if len(words) < 3 {
			return errors.New("module needs a path and at least one version")
		}
		for _, v := range words[2:] {
			if !isVersion(v) {
				return fmt.Errorf("%q is no version", v)
			}
		}
		p.module = &module{path: words[1], versions: words[2:]}
		p.pkg = ""
		return nil
	case "package":
		if len(words) < 2 {
			return errors.New("package needs a path, relative to the module")
		}
		if p.module == nil {
			return errors.New("package before module")
		}
		p.pkg = path.Join(p.module.path, words[1])
		if p.module.path == "std" {
			p.pkg = words[1]
		}
		p.packageWords = newCall("")
		return p.packageWords.readWords(words[2:])
	}
	if p.pkg == "" {
		return errors.New("row before package")
	}
	return p.row(words)
}

// row reads one row and adds it under each of its names.
func (p *reader) row(words []string) error {
	if len(words) < 2 {
		return errors.New("a row needs a symbol and an effect")
	}
	effect := Effect(words[1])
	if !effects[effect] {
		return fmt.Errorf("unknown effect %q", effect)
	}
	call := newCall(effect)
	call.Pkg = canonicalPath(p.pkg)
	call.Since, call.Until = p.packageWords.Since, p.packageWords.Until
	if err := call.readWords(words[2:]); err != nil {
		return err
	}
	call.fillDefaults()

	recvs, names := []string{""}, words[0]
	if recv, rest, ok := strings.Cut(words[0], "."); ok {
		recvs, names = strings.Split(recv, "/"), rest
	}
	for name := range strings.SplitSeq(names, "|") {
		if err := p.add(recvs, name, call); err != nil {
			return err
		}
	}
	return nil
}

func (p *reader) add(recvs []string, name string, call *Call) error {
	for i, recv := range recvs {
		if !isName(name) || recv == "" && len(recvs) > 1 || recv != "" && !isName(recv) {
			return fmt.Errorf("%q is no symbol", strings.Join(recvs, "/")+"."+name)
		}
		key := symbol{call.Pkg, recv, name}
		if p.model.rows[key] != nil {
			return fmt.Errorf("%s.%s.%s has a row already", key.pkg, key.recv, key.name)
		}
		row := *call
		row.Recv, row.Name = recv, name
		p.model.rows[key] = &row
		if i == 0 {
			p.model.lines = append(p.model.lines, line{p.module, p.pkg, recvs, name, &row, p.pos})
		}
	}
	return nil
}

// readWords reads the words after the effect.
func (c *Call) readWords(words []string) error {
	var seen []string
	for _, word := range words {
		key, value, hasValue := strings.Cut(word, "=")
		if slices.Contains(seen, key) {
			return fmt.Errorf("%s is given twice", key)
		}
		seen = append(seen, key)
		if hasValue == (key == "shared" || key == "gives-up") || hasValue && value == "" {
			return fmt.Errorf("%q is not understood", word)
		}
		if err := c.readWord(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (c *Call) readWord(key, value string) error {
	switch key {
	case "obj":
		return readArgument(&c.Object, value)
	case "closure":
		return readArgument(&c.Closure, value)
	case "client":
		return readArgument(&c.Client, value)
	case "payload":
		return readArgument(&c.Payload, value)
	case "key":
		return readArgument(&c.Key, value)
	case "into":
		return readArgument(&c.WritesInto, value)
	case "guard":
		c.Protection = value
		return oneOf("guard", value, protections)
	case "from":
		c.Provenance = value
		return oneOf("from", value, provenances)
	case "patch":
		c.PatchType = value
		return oneOf("patch", value, patchTypes)
	case "begins":
		c.Begins = Effect(value)
		return oneOf("begins", c.Begins, effects)
	case "sub":
		c.Subresource = value
	case "touches":
		c.Touches = value
	case "since", "until", "absent":
		return c.readVersion(key, value)
	case "gives-up":
		c.GivesUp = true
	case "shared":
		c.Shared = true
	default:
		return fmt.Errorf("unknown word %q", key)
	}
	return nil
}

// patchTypes are the kinds of patch.
var patchTypes = wordSet("merge", "strategic", "json", "apply", "argument")

func (c *Call) readVersion(key, value string) error {
	first, last, isRange := strings.Cut(value, "..")
	if !isVersion(first) || isRange != (key == "absent") || isRange && !isVersion(last) {
		return fmt.Errorf("%s: %q is no version", key, value)
	}
	switch key {
	case "since":
		c.Since = value
	case "until":
		c.Until = value
	case "absent":
		c.absent = [2]string{first, last}
	}
	return nil
}

// fillDefaults says what follows from the rest of the row.
func (c *Call) fillDefaults() {
	if c.Object < 0 {
		c.Object = c.Closure
	}
	switch c.Effect {
	case ReadLive:
		c.Provenance = "live"
	case ReadCached:
		c.Provenance = "cached"
	}
}

func readArgument(into *int, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 20 || value != strconv.Itoa(n) {
		return fmt.Errorf("%q is no argument number", value)
	}
	*into = n
	return nil
}

func oneOf[T ~string](key string, value T, legal map[T]bool) error {
	if !legal[value] {
		return fmt.Errorf("unknown %s %q", key, value)
	}
	return nil
}

// isVersion accepts v1.2.3 with anything that go list calls a version, and go1.21 for the standard library.
func isVersion(s string) bool {
	rest, ok := strings.CutPrefix(s, "v")
	if !ok {
		rest, ok = strings.CutPrefix(s, "go")
	}
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
