// SPDX-License-Identifier: Apache-2.0

// Package sign writes what the sign at the entrance of a garage shows. The sign reads a ConfigMap, a key per line.
package sign

import (
	"context"
	"fmt"
	"strconv"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/parking/api/v1alpha1"
)

// The lines of a sign come from different places at different times: each has a manager of its own, and an apply of one
// leaves the others alone.
const (
	managerFree    = client.FieldOwner("parking-sign-free")
	managerTariff  = client.FieldOwner("parking-sign-tariff")
	managerMessage = client.FieldOwner("parking-sign-message")
)

// Applier writes signs.
type Applier struct {
	Client client.Client
}

// ShowFree shows the number of free spaces.
func (a *Applier) ShowFree(ctx context.Context, garage *v1alpha1.Garage, free int32) error {
	sign := signOf(garage).WithData(map[string]string{"free": strconv.Itoa(int(free))})
	if err := a.Client.Apply(ctx, sign, managerFree, client.ForceOwnership); err != nil {
		return fmt.Errorf("showing free spaces of garage %s: %w", garage.Name, err)
	}
	return nil
}

// ShowTariff shows the price of an hour.
func (a *Applier) ShowTariff(ctx context.Context, garage *v1alpha1.Garage, cents int64) error {
	sign := signOf(garage).WithData(map[string]string{
		"tariff": fmt.Sprintf("%d.%02d / h", cents/100, cents%100),
	})
	if err := a.Client.Apply(ctx, sign, managerTariff, client.ForceOwnership); err != nil {
		return fmt.Errorf("showing the tariff of garage %s: %w", garage.Name, err)
	}
	return nil
}

// ShowMessage shows an attendant's message.
func (a *Applier) ShowMessage(ctx context.Context, garage *v1alpha1.Garage, text string) error {
	sign := signOf(garage).WithData(map[string]string{"message": text})
	if err := a.Client.Apply(ctx, sign, managerMessage, client.ForceOwnership); err != nil {
		return fmt.Errorf("showing a message at garage %s: %w", garage.Name, err)
	}
	return nil
}

// signOf is the sign of a garage, which goes with it.
func signOf(garage *v1alpha1.Garage) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap("sign-"+garage.Name, garage.Namespace).
		WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(v1alpha1.GroupVersion.String()).
			WithKind("Garage").
			WithName(garage.Name).
			WithUID(garage.UID))
}
