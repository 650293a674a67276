// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"go/types"
	"strings"
)

// networkPackages are client libraries in which every method that takes a context waits for another machine. The
// prefixes end where one library ends.
var networkPackages = []string{
	"cloud.google.com/go/",
	"github.com/Azure/azure-sdk-for-go/",
	"github.com/Nerzal/gocloak/",
	"github.com/aws/aws-sdk-go-v2/service/", // canonicalPath keeps "-v2": it is no path element of its own
	"github.com/aws/aws-sdk-go/service/",
	"github.com/cloudflare/cloudflare-go/",
	"github.com/digitalocean/godo/",
	"github.com/elastic/go-elasticsearch/",
	"github.com/go-redis/redis/",
	"github.com/hashicorp/vault/api/",
	"github.com/jackc/pgx/",
	"github.com/miekg/dns/",
	"github.com/minio/minio-go/",
	"github.com/prometheus/client_golang/api/",
	"github.com/redis/go-redis/",
	"github.com/segmentio/kafka-go/",
	"go.etcd.io/etcd/client/",
	"go.mongodb.org/mongo-driver/",
}

// callOptions are types that only calls over the network take, as their last and variadic parameter.
var callOptions = []symbol{
	{pkg: "google.golang.org/grpc", name: "CallOption"},
	{pkg: "github.com/googleapis/gax-go", name: "CallOption"},
	{pkg: "google.golang.org/api/googleapi", name: "CallOption"},
	{pkg: "github.com/google/go-containerregistry/pkg/v1/remote", name: "Option"},
}

// networkShape knows methods of generated and cloud clients by their package or by their options.
func networkShape(fn *types.Func, sig *types.Signature) *Call {
	params := sig.Params()
	if params.Len() == 0 || sig.Results().Len() == 0 {
		return nil
	}
	if takesCallOption(sig) {
		return newCall(Network)
	}
	if !isNamed(params.At(0).Type(), "context", "Context") {
		return nil
	}
	path := canonicalPath(fn.Pkg().Path()) + "/"
	for _, prefix := range networkPackages {
		if strings.HasPrefix(path, prefix) {
			return newCall(Network)
		}
	}
	return nil
}

// networkFunction knows functions that are no methods by their options.
func networkFunction(sig *types.Signature) *Call {
	if sig.Results().Len() > 0 && takesCallOption(sig) && isError(sig.Results().At(sig.Results().Len()-1).Type()) {
		return newCall(Network)
	}
	return nil
}

func takesCallOption(sig *types.Signature) bool {
	if !sig.Variadic() {
		return false
	}
	last := elemOf(sig.Params().At(sig.Params().Len() - 1).Type())
	for _, option := range callOptions {
		if namedIn(last, option.pkg) == option.name {
			return true
		}
	}
	return false
}
