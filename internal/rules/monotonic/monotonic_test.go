// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"testing"

	"github.com/replicavet/replicavet/internal/rule/ruletest"
)

func TestRules(t *testing.T) { ruletest.Run(t, Rules) }
