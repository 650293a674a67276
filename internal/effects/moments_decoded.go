// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
)

// decodedZone returns the zone of a field of an API object that was decoded: metav1.Time brings all into the zone of the
// process, unless the struct around it has a decoder of its own, which puts the time where it wants.
func (w *momentWalk) decodedZone(holder types.Type, index int) Zone {
	key, ok := program.FieldKeyOf(holder, index)
	if !ok || w.decoding {
		return ZoneLocal
	}
	decoder := w.e.Program.Method(types.NewPointer(key.Type), "UnmarshalJSON")
	if decoder == nil || !w.e.Program.Own(decoder) {
		return ZoneLocal
	}
	for _, st := range w.e.Program.FieldStores(key) {
		if st.Parent() != decoder {
			continue
		}
		inner := momentWalk{e: w.e, decoding: true, seen: make(map[momentKey]bool)}
		inner.value(st.Val, made{})
		for _, m := range inner.out {
			if m.Zone == ZoneLocal {
				return ZoneLocal
			}
		}
		return ZoneUnknown
	}
	return ZoneLocal
}
