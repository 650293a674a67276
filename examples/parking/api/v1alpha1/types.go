// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// The names that the operator's parts agree on.
const (
	// FinalizerInvoice keeps a stay until its invoice exists.
	FinalizerInvoice = "parking.example.com/invoice"
	// FinalizerHold keeps a stay that an attendant wants to look at.
	FinalizerHold = "parking.example.com/hold"
	// LabelOccupancy is "full" or "free", for dashboards.
	LabelOccupancy = "parking.example.com/occupancy"
	// LabelStay is the UID of the stay that an invoice belongs to.
	LabelStay = "parking.example.com/stay"
	// AnnotationIssuedAt is the time printed on an invoice, in UTC.
	AnnotationIssuedAt = "parking.example.com/issued-at"

	// ConditionFull says that a garage has no free space.
	ConditionFull = "Full"
	// ConditionExpiring says that a stay expires soon.
	ConditionExpiring = "Expiring"
	// ConditionInvoiced says that the invoice of a stay exists.
	ConditionInvoiced = "Invoiced"
)

// StayPhase is how far a stay has come.
type StayPhase string

// The phases of a stay. Active becomes Paid or Expired, Expired may still become Paid, Paid is final.
const (
	StayActive  StayPhase = "Active"
	StayExpired StayPhase = "Expired"
	StayPaid    StayPhase = "Paid"
)

// GarageSpec is what the owner of a garage wants.
type GarageSpec struct {
	// Capacity is the number of spaces.
	Capacity int32 `json:"capacity"`
	// Closed refuses new stays.
	Closed bool `json:"closed,omitempty"`
}

// GarageStatus is what the operator saw.
type GarageStatus struct {
	// Occupied is the number of active stays.
	Occupied int32 `json:"occupied"`
	// ObservedGeneration is the generation that the status describes.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Garage is a car park with barriers and a sign at its entrance.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Garage struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   GarageSpec   `json:"spec,omitempty"`
	Status GarageStatus `json:"status,omitempty"`
}

// GarageList is a list of garages.
// +kubebuilder:object:root=true
type GarageList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Garage `json:"items"`
}

// StaySpec says which car stands where.
type StaySpec struct {
	Garage string `json:"garage"`
	Plate  string `json:"plate"`
	// MaxIdle is how long a car may go unseen before its stay expires.
	MaxIdle metav1.Duration `json:"maxIdle"`
}

// StayStatus is what barriers, cameras, kiosks and the billing said about a stay.
type StayStatus struct {
	Phase StayPhase `json:"phase,omitempty"`
	// Scans counts the barrier scans of the car. It only grows.
	Scans int64 `json:"scans,omitempty"`
	// LastSeen is when a barrier or a camera saw the car last. It only grows.
	LastSeen *metav1.Time `json:"lastSeen,omitempty"`
	// ChargedCents is what the hours until BilledUntil cost.
	ChargedCents int64        `json:"chargedCents,omitempty"`
	BilledUntil  *metav1.Time `json:"billedUntil,omitempty"`
	PaidAt       *metav1.Time `json:"paidAt,omitempty"`
	PaidBy       string       `json:"paidBy,omitempty"`
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Stay is one car's visit to a garage.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Stay struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   StaySpec   `json:"spec,omitempty"`
	Status StayStatus `json:"status,omitempty"`
}

// StayList is a list of stays.
// +kubebuilder:object:root=true
type StayList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Stay `json:"items"`
}

// InvoiceSpec is what a customer is asked to pay for.
type InvoiceSpec struct {
	Garage string `json:"garage"`
	Plate  string `json:"plate"`
	Cents  int64  `json:"cents"`
}

// Invoice is sent to the customer by the accounting. It outlives the stay.
// +kubebuilder:object:root=true
type Invoice struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec InvoiceSpec `json:"spec,omitempty"`
}

// InvoiceList is a list of invoices.
// +kubebuilder:object:root=true
type InvoiceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Invoice `json:"items"`
}
