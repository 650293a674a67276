// SPDX-License-Identifier: Apache-2.0

package kube

import "strings"

// UnconditionalUpdate reports whether an update of the kind without a resourceVersion overwrites whatever is stored.
// For all other kinds, custom resources among them, the server rejects such an update as invalid: a mistake, but
// no lost update. Source: AllowUnconditionalUpdate of the registry strategies in Kubernetes v1.37.
func UnconditionalUpdate(k Kind) bool {
	group, ok := strings.CutPrefix(k.Pkg, "k8s.io/api/")
	if !ok {
		return false
	}
	group, _, _ = strings.Cut(group, "/")
	return unconditional[group+"."+k.Name]
}

// unconditional names kinds by the folder of their group below k8s.io/api. The extensions group served some kinds of
// apps and networking; events serves core's Event.
var unconditional = wordSet(
	"apps.ControllerRevision", "apps.DaemonSet", "apps.Deployment", "apps.ReplicaSet", "apps.StatefulSet",
	"autoscaling.HorizontalPodAutoscaler",
	"batch.CronJob", "batch.Job",
	"certificates.CertificateSigningRequest",
	"core.ConfigMap", "core.Endpoints", "core.Event", "core.LimitRange", "core.Namespace", "core.Node",
	"core.PersistentVolume", "core.PersistentVolumeClaim", "core.Pod", "core.PodTemplate",
	"core.ReplicationController", "core.ResourceQuota", "core.Secret", "core.Service", "core.ServiceAccount",
	"discovery.EndpointSlice",
	"events.Event",
	"extensions.DaemonSet", "extensions.Deployment", "extensions.Ingress", "extensions.NetworkPolicy",
	"extensions.ReplicaSet",
	"flowcontrol.FlowSchema", "flowcontrol.PriorityLevelConfiguration",
	"networking.Ingress", "networking.IngressClass", "networking.IPAddress", "networking.NetworkPolicy",
	"networking.ServiceCIDR",
	"rbac.ClusterRole", "rbac.ClusterRoleBinding", "rbac.Role", "rbac.RoleBinding",
	"resource.DeviceClass", "resource.DeviceTaintRule", "resource.ResourceClaim", "resource.ResourceClaimTemplate",
	"resource.ResourceSlice",
	"scheduling.PriorityClass",
	"storage.StorageClass", "storage.VolumeAttributesClass",
)
