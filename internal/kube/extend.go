// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// learned are rows that projects add to the table: what a call of a library that the table does not know is like.
// They belong to the process, as the table does, since what a symbol means is no matter of one review.
var learned = struct {
	sync.RWMutex
	rows map[symbol]*Call
}{rows: make(map[symbol]*Call)}

// Learn makes calls of one symbol mean what calls of another mean that the table knows: the client wrapper of a
// company's library, its way to register handlers. A symbol is written as import path, receiver and name, such as
// example.com/lib/store.Client.Save; arguments must stand in the same order. The error says which symbol is not
// understood.
func Learn(name, like string) error {
	key, ok := parseSymbol(name)
	if !ok {
		return fmt.Errorf("%q is no symbol: write it as example.com/lib/store.Client.Save", name)
	}
	model, ok := parseSymbol(like)
	if !ok {
		return fmt.Errorf("%q is no symbol: write it as sigs.k8s.io/controller-runtime/pkg/client.Writer.Update", like)
	}
	row := table().rows[model]
	if row == nil {
		return fmt.Errorf("nothing is known of %q: name a function or method of controller-runtime, client-go or another library that the API model has", like)
	}
	one := *row
	one.Pkg, one.Recv, one.Name = key.pkg, key.recv, key.name
	one.Since, one.Until, one.absent = "", "", [2]string{}
	learned.Lock()
	defer learned.Unlock()
	learned.rows[key] = &one
	return nil
}

// learnedRow returns the row that a project added for a symbol, or nil.
func learnedRow(key symbol) *Call {
	learned.RLock()
	defer learned.RUnlock()
	return learned.rows[key]
}

// ParseSymbol reads the name of a function or method, such as example.com/lib/store.Client.Save: import path, receiver,
// which is empty for functions, and name. ok is false for what is no symbol.
func ParseSymbol(text string) (pkg, recv, name string, ok bool) {
	s, ok := parseSymbol(text)
	return s.pkg, s.recv, s.name, ok
}

// parseSymbol reads path.Name and path.Receiver.Name. A receiver is told from the end of a path such as gopkg.in/x.v2
// by its capital letter, which all exported types have.
func parseSymbol(text string) (symbol, bool) {
	slash := strings.LastIndex(text, "/")
	parts := strings.Split(text[slash+1:], ".")
	if len(parts) < 2 || parts[len(parts)-1] == "" || strings.ContainsAny(text, " \t()*") {
		return symbol{}, false
	}
	name, rest := parts[len(parts)-1], parts[:len(parts)-1]
	recv := ""
	if first, _ := utf8.DecodeRuneInString(rest[len(rest)-1]); len(rest) > 1 && unicode.IsUpper(first) {
		recv, rest = rest[len(rest)-1], rest[:len(rest)-1]
	}
	return symbol{canonicalPath(text[:slash+1] + strings.Join(rest, ".")), recv, name}, true
}
