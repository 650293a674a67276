// SPDX-License-Identifier: Apache-2.0

package clock_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/clock"
)

func TestRules(t *testing.T) { ruletest.Run(t, clock.Rules, rules.All()) }
