// SPDX-License-Identifier: Apache-2.0

package effects

import "github.com/replicavet/replicavet/internal/kube"

// Protection says in a few words what keeps a write from erasing what others wrote.
func (e *Effects) Protection(w *Event) string {
	if w.Patch != nil && w.Patch.Type != ApplyPatch {
		switch w.Patch.Lock {
		case Locked:
			return string(w.Patch.Type) + " patch with resourceVersion"
		case Unlocked:
			return string(w.Patch.Type) + " patch without resourceVersion"
		}
		return "patch whose content is not known"
	}
	switch w.Call.Effect {
	case kube.Update, kube.UpdateStatus, kube.UpdateSubresource:
		return "resourceVersion of the object"
	case kube.Create:
		return "name"
	case kube.Delete, kube.DeleteCollection:
		return "none, unless preconditions are given"
	}
	if w.Patch != nil {
		return "field ownership"
	}
	return w.Call.Protection
}
