// SPDX-License-Identifier: Apache-2.0

package goroutine_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/goroutine"
)

func TestRules(t *testing.T) { ruletest.Run(t, goroutine.Rules, rules.All()) }
