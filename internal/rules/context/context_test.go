// SPDX-License-Identifier: Apache-2.0

package context_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/context"
)

func TestRules(t *testing.T) { ruletest.Run(t, context.Rules, rules.All()) }
