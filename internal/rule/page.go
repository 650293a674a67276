// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"embed"
	"fmt"
)

// Page returns a rule's embedded page. A missing page is a broken declaration and panics when the wing is loaded.
func Page(pages embed.FS, name string) string {
	data, err := pages.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("rule page %s: %v", name, err))
	}
	return string(data)
}
