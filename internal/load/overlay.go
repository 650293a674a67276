// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// contents appends what stands in a file to buf: what the overlay says, else what is on the disk.
func (u *unit) contents(path string, buf *bytes.Buffer) error {
	if src, ok := u.overlay[path]; ok {
		buf.Write(src)
		return nil
	}
	return readFile(path, buf)
}

// overlayFile writes an overlay as the go command reads it, and returns the name of the file and what removes it.
func overlayFile(overlay map[string][]byte) (name string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "replicavet-overlay-")
	if err != nil {
		return "", nil, fmt.Errorf("writing the overlay: %w", err)
	}
	remove = func() { os.RemoveAll(dir) }
	replace := make(map[string]string)
	for i, path := range slices.Sorted(maps.Keys(overlay)) {
		replace[path] = filepath.Join(dir, strconv.Itoa(i)+".go")
		if err := os.WriteFile(replace[path], overlay[path], 0o600); err != nil {
			remove()
			return "", nil, fmt.Errorf("writing the overlay: %w", err)
		}
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		name = filepath.Join(dir, "overlay.json")
		err = os.WriteFile(name, data, 0o600)
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("writing the overlay: %w", err)
	}
	return name, remove, nil
}
