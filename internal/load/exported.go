// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"golang.org/x/tools/go/gcexportdata"
)

// Export data is of one package, and of the types of others that it mentions. So that all packages fit into one piece
// and share their types, what they export is listed in a package of its own, whose names tell where each belongs:
//
//	package carrier
//
//	var T0_Time time.Time         // a type comes with its package, methods included
//	func O0_Now() time.Time       // anything else is put back into package 0 under its name
//	const O1_MaxInt8 = 1<<7 - 1
const (
	carrierPath   = "carrier"
	carriedType   = "T"
	carriedObject = "O"
)

// namedPath is a package that is carried.
type namedPath struct{ Path, Name string }

// encodeTypes writes what packages export. It fails on what export data can't express.
func encodeTypes(fset *token.FileSet, pkgs []*types.Package) (data []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("writing export data: %v", cause)
		}
	}()
	carrier := types.NewPackage(carrierPath, carrierPath)
	paths := make([]namedPath, len(pkgs))
	for i, pkg := range pkgs {
		paths[i] = namedPath{pkg.Path(), pkg.Name()}
		for _, name := range pkg.Scope().Names() {
			if token.IsExported(name) {
				carrier.Scope().Insert(carry(carrier, i, pkg.Scope().Lookup(name)))
			}
		}
	}
	head, err := json.Marshal(paths)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Write(append(head, '\n'))
	if err := gcexportdata.Write(&b, fset, carrier); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// carry returns an object of the carrier that stands for one of package i.
func carry(carrier *types.Package, i int, obj types.Object) types.Object {
	name := strconv.Itoa(i) + "_" + obj.Name()
	if _, ok := obj.(*types.TypeName); ok {
		return types.NewVar(obj.Pos(), carrier, carriedType+name, obj.Type())
	}
	return renamed(obj, carrier, carriedObject+name)
}

// renamed returns a constant, variable or function as an object of another package.
func renamed(obj types.Object, pkg *types.Package, name string) types.Object {
	switch obj := obj.(type) {
	case *types.Const:
		return types.NewConst(obj.Pos(), pkg, name, obj.Type(), obj.Val())
	case *types.Func:
		return types.NewFunc(obj.Pos(), pkg, name, obj.Signature())
	default:
		return types.NewVar(obj.Pos(), pkg, name, obj.Type())
	}
}

// decodeTypes returns the packages that encodeTypes was given, by path. Their positions, in fset, are exact to the line.
func decodeTypes(fset *token.FileSet, data []byte) (map[string]*types.Package, error) {
	head, rest, _ := bytes.Cut(data, []byte("\n"))
	var paths []namedPath
	if err := json.Unmarshal(head, &paths); err != nil {
		return nil, fmt.Errorf("reading the list of packages: %w", err)
	}
	pkgs := make(map[string]*types.Package, len(paths)+1)
	for _, p := range paths {
		pkgs[p.Path] = types.NewPackage(p.Path, p.Name)
	}
	carrier, err := gcexportdata.Read(bytes.NewReader(rest), fset, pkgs, carrierPath)
	if err != nil {
		return nil, err
	}
	delete(pkgs, carrierPath)
	for _, name := range carrier.Scope().Names() {
		place, found := strings.CutPrefix(name, carriedObject)
		if !found {
			continue
		}
		number, own, _ := strings.Cut(place, "_")
		i, err := strconv.Atoi(number)
		if err != nil || i >= len(paths) {
			return nil, fmt.Errorf("%s belongs to no package", name)
		}
		pkg := pkgs[paths[i].Path]
		pkg.Scope().Insert(renamed(carrier.Scope().Lookup(name), pkg, own))
	}
	for _, pkg := range pkgs {
		pkg.MarkComplete()
	}
	return pkgs, nil
}
