// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// storeMagic starts every entry; it changes with the format.
	storeMagic = "replicavet entry 1\n"
	// tempPrefix starts the names of entries that are being written.
	tempPrefix = ".new-"

	maxEntries   = 512
	maxBytes     = 256 << 20
	touchAfter   = time.Hour // entries used are marked so, but not on each use
	abandonAfter = time.Hour // no write takes that long
)

// Store keeps results on disk from one run to the next, by key. It is a cache: it may forget, it never lies. Several
// runs may use one directory at once. A nil Store is always empty and keeps nothing.
type Store struct{ dir string }

// OpenStore returns the store in dir, which is created when something is put into it. Without dir it is nil.
func OpenStore(dir string) *Store {
	if dir == "" {
		return nil
	}
	return &Store{dir}
}

// StoreDir returns the directory for the user's store: what REPLICAVET_CACHE says, where set and empty means none, or
// replicavet in the system's directory for caches. It is "" when there is none.
func StoreDir() string {
	if dir, ok := os.LookupEnv("REPLICAVET_CACHE"); ok {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "replicavet")
}

// Get returns what was put under key. An entry that is damaged is as good as none.
func (s *Store) Get(key string) ([]byte, bool) {
	if s == nil {
		return nil, false
	}
	path := s.path(key)
	entry, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > touchAfter {
		now := time.Now()
		os.Chtimes(path, now, now) // if it fails, the entry is dropped sooner
	}
	return decodeEntry(key, entry)
}

// Put keeps data under key, whole or not at all, and drops the entries that were not used for longest when the store
// has grown too large.
func (s *Store) Put(key string, data []byte) error {
	if s == nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("creating the cache: %w", err)
	}
	f, err := os.CreateTemp(s.dir, tempPrefix)
	if err != nil {
		return fmt.Errorf("writing to the cache: %w", err)
	}
	_, err = f.Write(encodeEntry(key, data))
	err = cmp.Or(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path(key))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing to the cache: %w", err)
	}
	s.trim()
	return nil
}

// Clean removes all entries, and no other file that may lie beside them.
func (s *Store) Clean() error {
	if s == nil {
		return nil
	}
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		_, notHex := hex.DecodeString(e.Name())
		if isEntry := notHex == nil && len(e.Name()) == hex.EncodedLen(sha256.Size); isEntry || strings.HasPrefix(e.Name(), tempPrefix) {
			err = cmp.Or(err, os.Remove(filepath.Join(s.dir, e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("cleaning the cache: %w", err)
	}
	return nil
}

// path returns the file for key.
func (s *Store) path(key string) string {
	return filepath.Join(s.dir, fmt.Sprintf("%x", sha256.Sum256([]byte(key))))
}

// trim removes the entries used least recently until the store is within its bounds, and what interrupted runs left.
// Another run may do the same at the same time, so what can't be removed is not an error.
func (s *Store) trim() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	var infos []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case !strings.HasPrefix(info.Name(), tempPrefix):
			infos = append(infos, info)
		case time.Since(info.ModTime()) > abandonAfter:
			os.Remove(filepath.Join(s.dir, info.Name()))
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	var size int64
	for i, info := range infos {
		size += info.Size()
		if i > 0 && (i >= maxEntries || size > maxBytes) {
			os.Remove(filepath.Join(s.dir, info.Name()))
		}
	}
}

// encodeEntry returns the file of an entry: the magic, a checksum of key and data, and the data.
func encodeEntry(key string, data []byte) []byte {
	sum := entrySum(key, data)
	return slices.Concat([]byte(storeMagic), sum[:], data)
}

// decodeEntry returns the data of an entry, if it is an undamaged one of key.
func decodeEntry(key string, entry []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(entry, []byte(storeMagic))
	if !ok || len(rest) < sha256.Size {
		return nil, false
	}
	data := rest[sha256.Size:]
	return data, entrySum(key, data) == [sha256.Size]byte(rest[:sha256.Size])
}

// entrySum is the checksum of an entry.
func entrySum(key string, data []byte) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s\n", len(key), key)
	h.Write(data)
	return [sha256.Size]byte(h.Sum(nil))
}
