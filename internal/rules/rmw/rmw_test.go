// SPDX-License-Identifier: Apache-2.0

package rmw_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/rmw"
)

func TestRules(t *testing.T) { ruletest.Run(t, rmw.Rules, rules.All()) }
