// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/cache"
)

func TestRules(t *testing.T) { ruletest.Run(t, cache.Rules, rules.All()) }
