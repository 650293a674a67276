// SPDX-License-Identifier: Apache-2.0

package kube

import "testing"

func TestTableParses(t *testing.T) {
	m, err := loadTable()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows, %d keys", len(m.lines), len(m.rows))
}
