// SPDX-License-Identifier: Apache-2.0

package review

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
)

// ConfigName is the name of the configuration file.
const ConfigName = ".replicavet.yaml"

// Config is what a project decided about its reviews. Flags outrank it.
type Config struct {
	// File is the configuration file; Dir is its directory, which its paths are relative to.
	File, Dir string

	Strict, Tests    bool
	Tags, Show, Fail string
	// Baseline is the name of the baseline file.
	Baseline string
	// Rules are the decisions about rules and families, in the order of the file: the last that fits counts.
	Rules []RuleDecision
	// Ignore are findings to live with.
	Ignore []Ignore
	// Calls say what calls of libraries mean that the API model does not know.
	Calls []Call
	// Entries are entry points that the program is not known to have.
	Entries []program.Declared
	// Lines tells where each setting stands, by its key.
	Lines map[string]int
}

// RuleDecision switches a rule or family on or off, or sets its severity.
type RuleDecision struct {
	// Rule is the id of a rule or the name of a family.
	Rule string
	Off  bool
	// Severity replaces that of the findings; 0 leaves it alone.
	Severity finding.Severity
	Line     int
}

// Call says that calls of one symbol mean what calls of another mean, which the API model knows.
type Call struct {
	Name, Like string
	Line       int
}

// Ignore silences findings by rule and place.
type Ignore struct {
	// Rules are ids or families; none means all.
	Rules []string
	// Paths are patterns of files, with * within a name and ** across; none means all. So is an empty Function.
	Paths    []string
	Function string
	// Until is the last day on which it holds, as 2027-01-31; it may be empty.
	Until  string
	Reason string
	Line   int
}

//go:embed config.schema.json
var configSchema string

// ConfigSchema returns the JSON schema of the configuration file.
func ConfigSchema() string { return configSchema }

// FindConfig looks for the configuration of a directory: in it, and in those above it up to the root of the repository.
// It returns nil when there is none.
func FindConfig(dir string) (*Config, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for the configuration: %w", err)
	}
	for {
		c, err := ReadConfig(filepath.Join(dir, ConfigName))
		if !errors.Is(err, os.ErrNotExist) {
			return c, err
		}
		parent := filepath.Dir(dir)
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil || parent == dir {
			return nil, nil
		}
		dir = parent
	}
}

// ReadConfig reads a configuration file. The error tells what is wrong at which line, and what is legal there.
func ReadConfig(file string) (*Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := parseConfig(file, data)
	if err != nil {
		return nil, err
	}
	if c.Dir, err = filepath.Abs(filepath.Dir(file)); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	// The program's root has its links resolved, and paths are compared with it.
	if dir, err := filepath.EvalSymlinks(c.Dir); err == nil {
		c.Dir = dir
	}
	return c, nil
}
