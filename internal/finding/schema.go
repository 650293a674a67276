// SPDX-License-Identifier: Apache-2.0

package finding

import _ "embed"

//go:embed schema.json
var schema string

// Schema returns the JSON schema (draft 2020-12) of a review's JSON form.
func Schema() string { return schema }
