// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/rules"
)

var shells = []string{"bash", "zsh", "fish"}

// runCompletion prints a script that completes commands, their flags, rules and formats in a shell.
func runCompletion(_ context.Context, inv *invocation) int {
	if len(inv.args) != 1 {
		return inv.fatal(errors.New("completion takes one shell: " + strings.Join(shells, ", ")))
	}
	switch inv.args[0] {
	case "bash":
		return inv.print(bashCompletion())
	case "zsh":
		// zsh runs completions of bash.
		return inv.print("#compdef replicavet\nautoload -U +X bashcompinit && bashcompinit\n" + bashCompletion())
	case "fish":
		return inv.print(fishCompletion())
	}
	return inv.fatal(fmt.Errorf("unknown shell %q: use %s", inv.args[0], strings.Join(shells, ", ")))
}

// wordsOf are the words that complete an argument of a command.
func (c command) wordsOf() []string {
	switch c.words {
	case "rules":
		var ids []string
		for _, r := range rules.All() {
			ids = append(ids, r.ID)
		}
		return ids
	case "shells":
		return shells
	}
	return c.verbs
}

// flagWords are the flags of a command.
func (c command) flagWords() []string {
	var out []string
	c.flagSet(new(settings)).VisitAll(func(f *flag.Flag) { out = append(out, "-"+f.Name) })
	return out
}

func bashCompletion() string {
	var names []string
	var cases strings.Builder
	for _, c := range commands() {
		names = append(names, c.name)
		words := append(c.flagWords(), c.wordsOf()...)
		fmt.Fprintf(&cases, "    %s) words=%q ;;\n", c.name, strings.Join(words, " "))
	}
	return fmt.Sprintf(`_replicavet() {
  local cur=${COMP_WORDS[COMP_CWORD]} words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "%[1]s %[4]s" -- "$cur") $(compgen -d -- "$cur"))
    return
  fi
  case ${COMP_WORDS[COMP_CWORD-1]} in
    -format) COMPREPLY=($(compgen -W %[2]q -- "$cur")); return ;;
    -o) COMPREPLY=($(compgen -S = -W %[2]q -- "$cur")); compopt -o nospace 2>/dev/null; return ;;
    -show|-fail) COMPREPLY=($(compgen -W "medium high critical none" -- "$cur")); return ;;
    -color) COMPREPLY=($(compgen -W "auto always never" -- "$cur")); return ;;
    -C|-config|-baseline) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case ${COMP_WORDS[1]} in
%[3]s    *) words=%[4]q ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur") $(compgen -f -- "$cur"))
}
complete -F _replicavet replicavet
`, strings.Join(names, " "), strings.ReplaceAll(formatNames(), ",", ""), cases.String(),
		strings.Join(commands()[0].flagWords(), " "))
}

func fishCompletion() string {
	var b strings.Builder
	formats := strings.ReplaceAll(formatNames(), ",", "")
	values := map[string]string{"format": formats, "o": strings.ReplaceAll(formats, " ", "= ") + "=",
		"show": "medium high critical", "fail": "medium high critical none", "color": "auto always never"}
	flags := func(in string, c command) {
		c.flagSet(new(settings)).VisitAll(func(f *flag.Flag) {
			_, usage := flag.UnquoteUsage(f)
			fmt.Fprintf(&b, "complete -c replicavet -n %s -o %s -d %s", in, f.Name, fishQuote(usage))
			if words, ok := values[f.Name]; ok {
				fmt.Fprintf(&b, " -x -a %s", fishQuote(words))
			}
			b.WriteByte('\n')
		})
	}
	flags("__fish_use_subcommand", commands()[0])
	for _, c := range commands() {
		fmt.Fprintf(&b, "complete -c replicavet -n __fish_use_subcommand -a %s -d %s\n", c.name, fishQuote(c.title))
		in := fmt.Sprintf("'__fish_seen_subcommand_from %s'", c.name)
		for _, word := range c.wordsOf() {
			fmt.Fprintf(&b, "complete -c replicavet -n %s -a %s\n", in, word)
		}
		flags(in, c)
	}
	return b.String()
}

// fishQuote quotes a text for fish.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
