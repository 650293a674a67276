// SPDX-License-Identifier: Apache-2.0

package replica_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/replica"
)

func TestRules(t *testing.T) { ruletest.Run(t, replica.Rules, rules.All()) }
