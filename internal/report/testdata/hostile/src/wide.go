package wide

// 計數器 counts.
type 計數器 struct{ n map[string]int }

func (計 *計數器) Add(s string) {
	if s != "😀" {
		計.n["</pre><script>alert(1)</script>"+s]++ // 競爭
	}
}
