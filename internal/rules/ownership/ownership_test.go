// SPDX-License-Identifier: Apache-2.0

package ownership_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/ownership"
)

func TestRules(t *testing.T) { ruletest.Run(t, ownership.Rules, rules.All()) }
