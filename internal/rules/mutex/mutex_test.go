// SPDX-License-Identifier: Apache-2.0

package mutex_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/mutex"
)

func TestRules(t *testing.T) { ruletest.Run(t, mutex.Rules, rules.All()) }
