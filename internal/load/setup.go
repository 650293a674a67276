// SPDX-License-Identifier: Apache-2.0

package load

// SetupError says why nothing at all can be reviewed: no such directory, no module, no packages, no go command. Its
// text says what to do. Whatever can be reviewed in part is no SetupError but a row in [Code.Errors].
type SetupError struct {
	Msg string
	Err error // the cause; may be nil
}

// Error returns what is wrong and what to do, followed by the cause.
func (e *SetupError) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	return e.Msg + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *SetupError) Unwrap() error { return e.Err }

// errNoGo is the error for a go command that can't be started.
func errNoGo(err error) error {
	return &SetupError{"running the go command: install Go from https://go.dev/dl and put it on PATH", err}
}
