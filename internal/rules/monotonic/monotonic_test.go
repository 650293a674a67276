// SPDX-License-Identifier: Apache-2.0

package monotonic_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/monotonic"
)

func TestRules(t *testing.T) { ruletest.Run(t, monotonic.Rules, rules.All()) }
