// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStore(t *testing.T) {
	s := OpenStore(filepath.Join(t.TempDir(), "new", "dir"))
	if _, ok := s.Get("k"); ok {
		t.Error("an empty store has an entry")
	}
	for _, data := range []string{"one", "two", ""} {
		if err := s.Put("k", []byte(data)); err != nil {
			t.Fatal(err)
		}
		if got, ok := s.Get("k"); !ok || string(got) != data {
			t.Errorf("got %q, %t, want %q", got, ok, data)
		}
	}
	if _, ok := s.Get("other"); ok {
		t.Error("another key has the entry too")
	}
}

func TestNoStore(t *testing.T) {
	s := OpenStore("")
	if err := s.Put("k", []byte("data")); err != nil {
		t.Error(err)
	}
	if _, ok := s.Get("k"); ok {
		t.Error("no store has an entry")
	}
}

func TestStoreDir(t *testing.T) {
	t.Setenv("REPLICAVET_CACHE", "/somewhere")
	if got := StoreDir(); got != "/somewhere" {
		t.Errorf("got %q, want what REPLICAVET_CACHE says", got)
	}
	t.Setenv("REPLICAVET_CACHE", "")
	if got := StoreDir(); got != "" {
		t.Errorf("got %q, want none, as REPLICAVET_CACHE is empty", got)
	}
}

// However an entry is damaged, it is not given out.
func TestStoreDamaged(t *testing.T) {
	s := OpenStore(t.TempDir())
	if err := s.Put("k", []byte("data")); err != nil {
		t.Fatal(err)
	}
	entry, err := os.ReadFile(s.path("k"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range entry {
		flipped := bytes.Clone(entry)
		flipped[i] ^= 1
		for _, damaged := range [][]byte{flipped, entry[:i]} {
			if err := os.WriteFile(s.path("k"), damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, ok := s.Get("k"); ok {
				t.Fatalf("byte %d is damaged, and Get returns %q", i, got)
			}
		}
	}
}

func TestStoreAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s := OpenStore(dir)
			data := bytes.Repeat([]byte{byte(i)}, 10_000)
			for range 20 {
				if err := s.Put("k", data); err != nil {
					t.Error(err)
				}
				if got, ok := s.Get("k"); !ok || len(got) != len(data) || bytes.Count(got, got[:1]) != len(got) {
					t.Error("an entry is mixed of two")
				}
			}
		})
	}
	all.Wait()
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files are left, want one", len(files))
	}
}

func TestStoreTrims(t *testing.T) {
	s := OpenStore(t.TempDir())
	old := time.Now().Add(-48 * time.Hour)
	age := func(path string, by time.Duration) {
		if err := os.Chtimes(path, old.Add(by), old.Add(by)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxEntries + 5 {
		key := fmt.Sprint(i)
		if err := os.WriteFile(s.path(key), encodeEntry(key, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		age(s.path(key), time.Duration(i)*time.Second)
	}
	left := filepath.Join(s.dir, tempPrefix+"left")
	write(t, left, "of a run that was killed")
	age(left, 0)
	if _, ok := s.Get("0"); !ok {
		t.Fatal("the oldest entry is not there")
	}
	if err := s.Put("new", nil); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"0": true, "1": false, "6": false, "7": true, "new": true} {
		if _, ok := s.Get(key); ok != want {
			t.Errorf("entry %s is there: %t, want %t", key, ok, want)
		}
	}
	if files, _ := os.ReadDir(s.dir); len(files) != maxEntries {
		t.Errorf("%d files, want %d", len(files), maxEntries)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add("k", encodeEntry("k", []byte("data")))
	f.Add("k", []byte(storeMagic))
	f.Add("other", encodeEntry("k", nil))
	f.Fuzz(func(t *testing.T, key string, entry []byte) {
		if data, ok := decodeEntry(key, entry); ok && !bytes.Equal(entry, encodeEntry(key, data)) {
			t.Errorf("%q passes for an entry", entry)
		}
	})
}

// What is listed once is taken from the store as long as no edit touches what the go command looks at. A context that
// is done tells the two apart: the go command does not run under it.
func TestListCached(t *testing.T) {
	source := "package a\n\nimport \"fmt\"\n\nfunc F() { fmt.Println() }\n"
	root := module(t, map[string]string{"a.go": source})
	cfg, err := Config{Dir: root, Env: offline(), Cache: OpenStore(t.TempDir())}.complete()
	if err != nil {
		t.Fatal(err)
	}
	want, err := listCached(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()

	write(t, filepath.Join(root, "a.go"), source+"\nfunc G() {}\n")
	got, err := listCached(done, cfg)
	if err != nil {
		t.Fatalf("the go command is run after an edit of a function: %v", err)
	}
	if diff := cmp.Diff(want.packages(), got.packages()); diff != "" {
		t.Errorf("what comes from the store differs:\n%s", diff)
	}
	if diff := cmp.Diff(want.modules, got.modules); diff != "" {
		t.Error(diff)
	}
	for name, edit := range map[string]string{
		"a.go": "package a\n\nimport \"os\"\n\nvar X = os.Args\n",
		"b.go": "package a\n",
	} {
		write(t, filepath.Join(root, name), edit)
		if _, err := listCached(done, cfg); err == nil {
			t.Errorf("after an edit of imports or a new file (%s) the old list is used", name)
		}
	}
}

func TestRestoreNeedsDirectories(t *testing.T) {
	if _, ok := restore("/", []byte(`{"Packages":[{"ImportPath":"a","Dir":"/does/not/exist"}]}`)); ok {
		t.Error("a package whose directory is gone is trusted")
	}
	if _, ok := restore("/", []byte(`{"Packages":[]}`)); ok {
		t.Error("an empty list is trusted")
	}
	if _, ok := restore("/", []byte(`{"Packages":`)); ok {
		t.Error("half a list is trusted")
	}
}
