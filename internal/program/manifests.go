// SPDX-License-Identifier: Apache-2.0

package program

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxManifest is the size up to which a YAML file is read: what is larger is data, not a deployment.
const maxManifest = 1 << 20

// Manifests returns the paths of the files below root, other than Go code, that the program is read from, in the order
// they are read: the YAML files that may deploy it.
func Manifests(root string) []string {
	var files []string
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return nil // what cannot be read sets no flag
		case d.IsDir():
			skipped := []string{"vendor", "node_modules", "testdata"}
			if path != root && (slices.Contains(skipped, name) || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
		case d.Type().IsRegular() && slices.Contains([]string{".yaml", ".yml", ".tpl"}, filepath.Ext(name)):
			if info, err := d.Info(); err == nil && info.Size() <= maxManifest {
				files = append(files, path)
			}
		}
		return nil
	})
	return files
}

// manifestSets looks for a YAML file of the tree that passes --name (not =false), and returns its relative path. Helm
// charts and kustomize bases count: what is deployed decides, not the flag's default.
func (p *Program) manifestSets(name string) string {
	if p.flags == nil {
		p.flags = p.scanManifests()
	}
	if files := p.flags[name]; len(files) > 0 {
		return files[0]
	}
	return ""
}

// scanManifests indexes the leader election flags that the YAML files of the tree set, by flag in the order of files.
func (p *Program) scanManifests() map[string][]string {
	found := make(map[string][]string)
	for _, path := range Manifests(p.Code.Root) {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			_, arg, ok := strings.Cut(line, "--")
			if !ok || !strings.Contains(arg, "lead") {
				continue
			}
			arg = strings.Trim(strings.TrimSpace(arg), `"',[]`)
			flag, value, _ := strings.Cut(arg, "=")
			if flag = strings.Trim(flag, `"',[] `); !strings.HasPrefix(value, "false") {
				found[flag] = append(found[flag], p.RelPath(path))
			}
		}
	}
	return found
}
