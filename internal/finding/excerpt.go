// SPDX-License-Identifier: Apache-2.0

package finding

// Excerpt is a run of lines of a reviewed file that reports quote, so that a stored review can be shown where the code
// is not.
type Excerpt struct {
	File string `json:"file"`
	// Line is the number of the first line, and Offset the place of its first byte in the file.
	Line   int `json:"line"`
	Offset int `json:"offset"`
	// Text are the lines with their ends.
	Text string `json:"text"`
}
