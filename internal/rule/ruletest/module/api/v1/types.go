// SPDX-License-Identifier: Apache-2.0

// Package v1 is the API that fixtures share: a Session that people ask for, an approver decides on, and replicas use.
package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Session is a custom resource with a status subresource.
type Session struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SessionSpec   `json:"spec,omitempty"`
	Status SessionStatus `json:"status,omitempty"`
}

// SessionSpec is what the user asks for.
type SessionSpec struct {
	User     string   `json:"user,omitempty"`
	Replicas int32    `json:"replicas,omitempty"`
	Paused   bool     `json:"paused,omitempty"`
	Members  []string `json:"members,omitempty"`
}

// SessionStatus is what controllers observe.
type SessionStatus struct {
	Phase              string             `json:"phase,omitempty"`
	Approver           string             `json:"approver,omitempty"`
	Message            string             `json:"message,omitempty"`
	Count              int64              `json:"count,omitempty"`
	LastSeen           *metav1.Time       `json:"lastSeen,omitempty"`
	ExpiresAt          metav1.Time        `json:"expiresAt,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
	Names              []string           `json:"names,omitempty"`
	Labels             map[string]string  `json:"labels,omitempty"`
}

// SessionList is a list of sessions.
type SessionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Session `json:"items"`
}

// DeepCopyInto copies s into out.
func (s *Session) DeepCopyInto(out *Session) {
	*out = *s
	s.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Members = append([]string(nil), s.Spec.Members...)
	s.Status.DeepCopyInto(&out.Status)
}

// DeepCopyInto copies s into out.
func (s *SessionStatus) DeepCopyInto(out *SessionStatus) {
	*out = *s
	out.LastSeen = s.LastSeen.DeepCopy()
	s.ExpiresAt.DeepCopyInto(&out.ExpiresAt)
	out.Conditions = append([]metav1.Condition(nil), s.Conditions...)
	out.Names = append([]string(nil), s.Names...)
	if s.Labels != nil {
		out.Labels = make(map[string]string, len(s.Labels))
		for k, v := range s.Labels {
			out.Labels[k] = v
		}
	}
}

// DeepCopy returns a copy of s.
func (s *Session) DeepCopy() *Session {
	if s == nil {
		return nil
	}
	out := new(Session)
	s.DeepCopyInto(out)
	return out
}

// DeepCopyObject implements runtime.Object.
func (s *Session) DeepCopyObject() runtime.Object { return s.DeepCopy() }

// DeepCopy returns a copy of l.
func (l *SessionList) DeepCopy() *SessionList {
	if l == nil {
		return nil
	}
	out := new(SessionList)
	*out = *l
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]Session, len(l.Items))
	for i := range l.Items {
		l.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}

// DeepCopyObject implements runtime.Object.
func (l *SessionList) DeepCopyObject() runtime.Object { return l.DeepCopy() }
