// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/replicavet/replicavet/internal/finding"
)

var update = flag.Bool("update", false, "write the golden files anew")

// rules are the rules of the hand-made reviews, but for one, which a report must do without.
var rules = []Rule{
	{
		ID: "rmw/unlocked-patch", Title: "patch computed from a read is sent without its version", Section: "1",
		Page:     "# rmw/unlocked-patch\n\nA patch computed from a read carries *no version*.\n\n## Why\n\n`client.MergeFrom` sends no resourceVersion.\n",
		Severity: finding.Critical, Checklist: []string{"1.2", "1.3"},
	},
	{
		ID: "channel/unsignalled-failure", Title: "a failure path leaves a receiver waiting", Section: "4",
		Page: "# channel/unsignalled-failure\n\nA way out does not signal.\n", Severity: finding.Critical, Checklist: []string{"4.4"},
	},
	{
		ID: "clock/equality", Title: "instants of different clocks are compared with ==", Section: "8",
		Page: "# clock/equality\n\nUse an order.\n", Severity: finding.Medium, Checklist: []string{"8.2"}, Strict: true,
	},
}

// reviews are the names of the hand-made reviews under testdata.
func reviews(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/review.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("reviews under testdata: %v, %v", files, err)
	}
	for i := range files {
		files[i] = filepath.Base(filepath.Dir(files[i]))
	}
	return files
}

// read returns a hand-made review and its source.
func read(t *testing.T, name string) (*finding.Review, func(string) ([]byte, error)) {
	t.Helper()
	in, err := os.Open(filepath.Join("testdata", name, "review.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, err := finding.Decode(in)
	if err != nil {
		t.Fatal(err)
	}
	root := os.DirFS(filepath.Join("testdata", name, "src"))
	return r, func(file string) ([]byte, error) {
		f, err := root.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		var b bytes.Buffer
		_, err = b.ReadFrom(f)
		return b.Bytes(), err
	}
}

// render returns a review in a format.
func render(t *testing.T, format string, r *finding.Review, o Options) string {
	t.Helper()
	f, err := Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.Render(&out, r, rules, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares got with a file under testdata, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestFormats(t *testing.T) {
	for _, name := range reviews(t) {
		for _, f := range Formats() {
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				r, source := read(t, name)
				golden(t, name+"/"+f.Name+f.Extension, render(t, f.Name, r, Options{Source: source}))
			})
		}
	}
}

func TestText(t *testing.T) {
	for name, o := range map[string]Options{
		"brief":   {Brief: true},
		"verbose": {Verbose: true},
		"narrow":  {Width: 60},
		"color":   {Color: true, Width: 100},
	} {
		t.Run(name, func(t *testing.T) {
			r, source := read(t, "tracker")
			o.Source = source
			golden(t, "tracker/text-"+name+".txt", render(t, "text", r, o))
		})
	}
}

// A report leaves the review as it was: several formats are made from one.
func TestPure(t *testing.T) {
	for _, name := range reviews(t) {
		r, source := read(t, name)
		again, _ := read(t, name)
		for _, f := range Formats() {
			first := render(t, f.Name, r, Options{Source: source})
			if second := render(t, f.Name, r, Options{Source: source}); first != second {
				t.Errorf("%s of %s differs from one time to the next", f.Name, name)
			}
			if diff := cmp.Diff(again, r); diff != "" {
				t.Errorf("%s changed the review %s:\n%s", f.Name, name, diff)
			}
		}
	}
}

// No format hides what was not reviewed.
func TestErrorsAreShown(t *testing.T) {
	r, _ := read(t, "broken")
	for _, f := range Formats() {
		got := render(t, f.Name, r, Options{Brief: true})
		for _, want := range []string{"run go mod tidy", "undefined: sinkOptions"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s does not say %q:\n%s", f.Name, want, got)
			}
		}
	}
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteError(t *testing.T) {
	r, source := read(t, "tracker")
	for _, f := range Formats() {
		if err := f.Render(full{}, r, rules, Options{Source: source}); !errors.Is(err, errFull) {
			t.Errorf("%s on a full disk: error %v", f.Name, err)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, f := range Formats() {
		if got, err := Lookup(f.Name); err != nil || got.Name != f.Name {
			t.Errorf("Lookup(%q) = %q, %v", f.Name, got.Name, err)
		}
	}
	_, err := Lookup("yaml")
	if err == nil || !strings.Contains(err.Error(), "use text, json") {
		t.Errorf("Lookup of an unknown format: %v", err)
	}
}
