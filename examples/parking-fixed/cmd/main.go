// SPDX-License-Identifier: Apache-2.0

// Command parking is an operator for car parks.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"example.com/parking/api/v1alpha1"
	"example.com/parking/internal/controller"
	"example.com/parking/internal/gate"
	"example.com/parking/internal/notify"
	"example.com/parking/internal/plates"
	"example.com/parking/internal/sign"
	"example.com/parking/internal/tariff"
	"example.com/parking/internal/webhook"
)

// options is the command line.
type options struct {
	leaderElect bool
	namespace   string
	gateAddr    string
	healthAddr  string
	prices      string
	barrierURL  string
	receiptURL  string
	auditURL    string
}

func main() {
	var o options
	flag.BoolVar(&o.leaderElect, "leader-elect", true, "elect a leader among the replicas")
	flag.StringVar(&o.namespace, "namespace", "parking", "namespace of garages and stays")
	flag.StringVar(&o.gateAddr, "gate-bind-address", ":8080", "address for barriers, cameras and kiosks")
	flag.StringVar(&o.healthAddr, "health-probe-bind-address", ":8081", "address for probes")
	flag.StringVar(&o.prices, "prices", "prices", "ConfigMap with the cents per hour of each garage")
	flag.StringVar(&o.barrierURL, "barrier-url", "http://barrier.%s.hardware/open", "address that opens a garage's barrier")
	flag.StringVar(&o.receiptURL, "receipt-url", "http://receipts.accounting/", "address that takes receipts")
	flag.StringVar(&o.auditURL, "audit-url", "http://audit.accounting/", "address that takes the audit log")
	flag.Parse()

	ctrl.SetLogger(zap.New())
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		fmt.Fprintln(os.Stderr, "parking:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme:                 scheme,
		LeaderElection:         o.leaderElect,
		LeaderElectionID:       "parking.example.com",
		HealthProbeBindAddress: o.healthAddr,
	})
	if err != nil {
		return fmt.Errorf("creating the manager: %w", err)
	}
	if err := setup(ctx, mgr, o); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// setup gives the manager its parts.
func setup(ctx context.Context, mgr ctrl.Manager, o options) error {
	prices := types.NamespacedName{Namespace: o.namespace, Name: o.prices}
	warnUnpriced(ctx, mgr.GetAPIReader(), prices)
	tariffs := tariff.NewCache(mgr.GetAPIReader(), prices)
	signs := &sign.Applier{Client: mgr.GetClient()}
	index := plates.NewIndex(mgr.GetCache())
	notifier := notify.New(o.receiptURL, o.auditURL)

	garages := &controller.GarageReconciler{Client: mgr.GetClient(), Signs: signs, Tariffs: tariffs}
	if err := garages.SetupWithManager(ctx, mgr); err != nil {
		return fmt.Errorf("setting up the garage controller: %w", err)
	}
	stays := &controller.StayReconciler{Client: mgr.GetClient()}
	if err := stays.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("setting up the stay controller: %w", err)
	}
	validator := &webhook.StayValidator{Garages: mgr.GetAPIReader()}
	if err := validator.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("setting up the webhook: %w", err)
	}

	sweeper := &controller.Sweeper{
		Client:  mgr.GetClient(),
		Live:    mgr.GetAPIReader(),
		Tariffs: tariffs,
		Elected: mgr.Elected(),
	}
	server := gate.NewServer(gate.Parts{
		Addr:      o.gateAddr,
		Namespace: o.namespace,
		Client:    mgr.GetClient(),
		Live:      mgr.GetAPIReader(),
		Index:     index,
		Tracker:   gate.NewTracker(mgr.GetClient(), mgr.GetAPIReader()),
		Notifier:  notifier,
		Signs:     signs,
		Barriers:  &gate.Barriers{URL: o.barrierURL, HTTP: &http.Client{Timeout: 10 * time.Second}},
	})
	if err := mgr.Add(tariffs); err != nil {
		return err
	}
	if err := mgr.Add(index); err != nil {
		return err
	}
	if err := mgr.Add(notifier); err != nil {
		return err
	}
	if err := mgr.Add(sweeper); err != nil {
		return err
	}
	if err := mgr.Add(server); err != nil {
		return err
	}
	return mgr.AddHealthzCheck("ping", healthz.Ping)
}

// warnUnpriced says so when there is no price list: all parking is free then.
func warnUnpriced(ctx context.Context, reader client.Reader, prices types.NamespacedName) {
	if err := reader.Get(ctx, prices, &corev1.ConfigMap{}); apierrors.IsNotFound(err) {
		ctrl.Log.Info("there is no price list, all parking is free", "configMap", prices)
	}
}
