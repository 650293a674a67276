// SPDX-License-Identifier: Apache-2.0

package channel_test

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
	"github.com/replicavet/replicavet/internal/rules"
	"github.com/replicavet/replicavet/internal/rules/channel"
)

func TestRules(t *testing.T) { ruletest.Run(t, channel.Rules, rules.All()) }
