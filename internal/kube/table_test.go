// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"strings"
	"testing"
)

func parseText(text string) (*model, error) {
	m := &model{rows: make(map[symbol]*Call)}
	return m, m.parse("t.txt", text)
}

const header = "module example.org/m v1.0.0 v1.2.0\npackage p\n"

func TestTableRejects(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{header + "Reader.Get fetch", `t.txt:3: unknown effect "fetch"`},
		{header + "# fine\n\nReader.Get read-live colour=red", `t.txt:5: unknown word "colour"`},
		{header + "Get read-live obj=1 obj=2", "obj is given twice"},
		{header + "Get read-live\nGet read-live", "t.txt:4: example.org/m/p..Get has a row already"},
		{header + "A|B|A pure", "has a row already"},
		{header + "Get", "needs a symbol and an effect"},
		{header + "Get read-live obj=-1", `"-1" is no argument number`},
		{header + "Get read-live obj=01", `"01" is no argument number`},
		{header + "Get read-live obj=", `"obj=" is not understood`},
		{header + "Get read-live obj", `"obj" is not understood`},
		{header + "Get read-live shared=yes", `"shared=yes" is not understood`},
		{header + "Get read-live guard=luck", `unknown guard "luck"`},
		{header + "Get read-live from=disk", `unknown from "disk"`},
		{header + "Get read-live patch=big", `unknown patch "big"`},
		{header + "Get request-builder begins=later", `unknown begins "later"`},
		{header + "Get read-live since=soon", `since: "soon" is no version`},
		{header + "Get read-live absent=v1.0.0", `absent: "v1.0.0" is no version`},
		{header + "Get read-live since=v1.0.0..v1.1.0", "is no version"},
		{header + "A.B.C pure", `"A.B.C" is no symbol`},
		{header + "/A.B pure", "is no symbol"},
		{header + "A| pure", "is no symbol"},
		{header + ". pure", "is no symbol"},
		{"Get read-live", "t.txt:1: row before package"},
		{"package p", "package before module"},
		{"module example.org/m", "at least one version"},
		{"module example.org/m latest", `"latest" is no version`},
		{"module example.org/m v1.0.0\nGet read-live", "row before package"},
		{"module example.org/m v1.0.0\npackage", "package needs a path"},
		{"module example.org/m v1.0.0\npackage p since=x", "is no version"},
	} {
		_, err := parseText(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error is %v, want %q", tt.text, err, tt.want)
		}
	}
}

func TestTableReads(t *testing.T) {
	m, err := parseText("module example.org/m v1.0.0 v2.1.0 # both\npackage p since=v1.0.0\n" +
		"Old/New.Get|Put  update  key=0 obj=1 guard=rv until=v1.9.0 # why\npackage .\nMake pure since=v2.0.0\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.lines) != 3 || len(m.rows) != 5 {
		t.Fatalf("%d lines and %d rows, want 3 and 5", len(m.lines), len(m.rows))
	}
	put := m.rows[symbol{"example.org/m/p", "New", "Put"}]
	if put == nil || put.Recv != "New" || put.Key != 0 || put.Object != 1 || put.Since != "v1.0.0" || put.Until != "v1.9.0" {
		t.Errorf("New.Put is %+v", put)
	}
	if row := m.rows[symbol{"example.org/m", "", "Make"}]; row == nil || row.Since != "v2.0.0" || row.Object != -1 {
		t.Errorf("Make is %+v", row)
	}
}

// TestTableWhole reads the embedded files; the table itself would panic.
func TestTableWhole(t *testing.T) {
	m, err := loadTable()
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[Effect]bool)
	for _, l := range m.lines {
		used[l.call.Effect] = true
	}
	for _, e := range []Effect{DeepCopy, ApplySubresource, RegisterLeaderRunnable} {
		used[e] = true // no row: shapes, and what others conclude
	}
	for e := range effects {
		if !used[e] {
			t.Errorf("no row has the effect %s", e)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := tableFiles.ReadDir("table")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := tableFiles.ReadFile("table/" + file.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(header + "A/B.C|D update obj=1 since=v1.0.0")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseText(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "t.txt:") {
				t.Errorf("the error does not say where: %v", err)
			}
			return
		}
		if len(m.rows) < len(m.lines) {
			t.Errorf("%d rows for %d lines", len(m.rows), len(m.lines))
		}
		for key, row := range m.rows {
			if key.name == "" || row.Name != key.name || row.Recv != key.recv || !effects[row.Effect] {
				t.Errorf("row %+v under key %+v", row, key)
			}
		}
	})
}

func BenchmarkTable(b *testing.B) {
	for b.Loop() {
		if _, err := loadTable(); err != nil {
			b.Fatal(err)
		}
	}
}
