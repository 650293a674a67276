// SPDX-License-Identifier: Apache-2.0

package report

import "testing"

func TestSoft(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"a short.word stays":            "a short.word stays",
		"internal/controller/x_y.go:17": "internal/<wbr>controller/<wbr>x_<wbr>y.go:17",
		"runs (*HelmChartReconciler).indexHelmRepositoryByTheURL now": "runs (*Helm<wbr>ChartReconciler).<wbr>index<wbr>Helm<wbr>Repository<wbr>ByTheURL now",
		"<b>&\"x'</b>":              "&lt;b&gt;&amp;&#34;x&#39;&lt;/b&gt;",
		"<script>alert(1)</script>": "&lt;script&gt;alert(1)&lt;/<wbr>script&gt;",
		"two  spaces ":              "two  spaces ",
	} {
		if got := string(soft(text)); got != want {
			t.Errorf("soft(%q) = %q, want %q", text, got, want)
		}
	}
}
