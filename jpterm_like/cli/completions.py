"""Write completion scripts for bash, zsh and fish, and the page for man.

All of them are made from the table of commands on request, so they are never older than the program. No library
fits: shtab completes a command or a file, but not a first word that can be either.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final, NamedTuple

from jpterm_like import __version__
from jpterm_like.cli.parser import Command, Table, main_help, parser_of


class _Option(NamedTuple):
    names: list[str]
    metavar: str
    help: str
    choices: list[str]


def _options(command: Command) -> list[_Option]:
    """The options of a command."""
    return [_option(action) for action in _actions(command) if action.option_strings]


def _words(command: Command) -> list[str]:
    """The choices of its positional arguments."""
    return [
        word for action in _actions(command) if not action.option_strings for word in action.choices or ()
    ]


def _actions(command: Command) -> list[argparse.Action]:
    return parser_of(command)._actions  # argparse has no public access to the declared arguments


def _option(action: argparse.Action) -> _Option:
    takes = action.nargs != 0
    named = " ".join(action.metavar) if isinstance(action.metavar, tuple) else action.metavar
    metavar = "" if not takes else named or "|".join(action.choices or ()) or action.dest.upper()
    return _Option(
        list(action.option_strings), metavar, action.help or "", [str(c) for c in action.choices or ()]
    )


def _people(table: Table) -> list[Command]:
    return [command for command in table.commands.values() if command.for_people]


def _names(command: Command) -> str:
    return " ".join([*(name for option in _options(command) for name in option.names), *_words(command)])


def _with_choices(table: Table) -> list[tuple[str, _Option]]:
    """Options with choices, each after a pattern that matches "COMMAND --option" in a shell's `case`.

    Two commands may give an option of one name different choices.
    """
    return [
        ("|".join(f'"{command.name} {name}"' for name in option.names), option)
        for command in _people(table)
        for option in _options(command)
        if option.choices
    ]


def _bash(table: Table) -> str:
    cases = "\n".join(f"    {c.name}) words='{_names(c)}' ;;" for c in _people(table))
    values = "\n".join(
        f"    {each}) mapfile -t COMPREPLY < <(compgen -W '{' '.join(option.choices)}' -- \"$cur\"); return ;;"
        for each, option in _with_choices(table)
    )
    return f"""# bash completion of jpterm-like {__version__}: source <(jpterm-like completion bash)
_jpterm_like() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} words
  case "${{COMP_WORDS[1]}} $prev" in
{values}
  esac
  case ${{COMP_WORDS[1]}} in
{cases}
    *) words='{_names(table.editor)}' ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="$words {" ".join(c.name for c in _people(table))}"; fi
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; compgen -f -- "$cur")
}}
complete -F _jpterm_like jpterm-like
"""


def _zsh(table: Table) -> str:
    def described(name: str, text: str) -> str:
        quoted = text.replace("'", "'\\''")
        return f"'{name.replace(':', chr(92) + ':')}:{quoted}'"

    commands = " ".join(described(c.name, c.summary) for c in _people(table))

    def words(command: Command) -> str:
        of_options = [described(name, option.help) for option in _options(command) for name in option.names]
        return " ".join([*of_options, *(described(word, "") for word in _words(command))])

    cases = "\n".join(f"      {c.name}) words_here=({words(c)}) ;;" for c in _people(table))
    values = "\n".join(
        f"    {each}) compadd -- {' '.join(option.choices)}; return ;;"
        for each, option in _with_choices(table)
    )
    return f"""#compdef jpterm-like
# zsh completion of jpterm-like {__version__}: jpterm-like completion zsh > a folder of $fpath/_jpterm-like
_jpterm_like() {{
  local -a words_here
  case "$words[2] $words[CURRENT-1]" in
{values}
  esac
  if (( CURRENT == 2 )); then
    words_here=({commands} {words(table.editor)})
  else
    case $words[2] in
{cases}
      *) words_here=({words(table.editor)}) ;;
    esac
  fi
  _describe 'word' words_here
  _files
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _jpterm_like "$@"; else compdef _jpterm_like jpterm-like; fi
"""


def _fish(table: Table) -> str:
    def quoted(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def line(condition: str, option: _Option) -> list[str]:
        found = []
        for name in option.names:
            kind = "-l" if name.startswith("--") else "-s"
            takes = (
                f" -r{f' -f -a {quoted(chr(32).join(option.choices))}' if option.choices else ''}"
                if option.metavar
                else ""
            )
            found.append(
                f"complete -c jpterm-like -n {quoted(condition)} {kind} {name.lstrip('-')}{takes} -d {quoted(option.help)}"
            )
        return found

    lines = [f"# fish completion of jpterm-like {__version__}: jpterm-like completion fish | source"]
    for command in _people(table):
        lines.append(
            f"complete -c jpterm-like -n __fish_use_subcommand -a {command.name} -d {quoted(command.summary)}"
        )
        condition = f"__fish_seen_subcommand_from {command.name}"
        for option in _options(command):
            lines += line(condition, option)
        for word in _words(command):
            lines.append(f"complete -c jpterm-like -n {quoted(condition)} -a {word}")
    for option in _options(table.editor):
        lines += line("__fish_use_subcommand", option)
    return "\n".join(lines) + "\n"


SHELLS: Final[dict[str, Callable[[Table], str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}


def manual(table: Table) -> str:
    """The page for man, in roff with its man macros."""

    def safe(text: str) -> str:
        escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("'", "\\(aq")
        return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in escaped.split("\n"))

    def options(command: Command) -> list[str]:
        lines = []
        for option in _options(command):
            names = ", ".join(f"\\fB{safe(name)}\\fR" for name in option.names)
            lines += [
                ".TP",
                f"{names} \\fI{safe(option.metavar)}\\fR" if option.metavar else names,
                safe(option.help),
            ]
        return lines

    usage, _, rest = main_help(table).partition("\nIn the editor:")
    page = [
        f'.TH JPTERM\\-LIKE 1 "" "jpterm\\-like {__version__}"',
        ".SH NAME",
        "jpterm\\-like \\- write together in a terminal",
        ".SH SYNOPSIS",
        ".nf",
        *(safe(line.strip()) for line in usage.splitlines()[2:] if line.strip()),
        ".fi",
        ".SH DESCRIPTION",
        safe(("In the editor:" + rest.partition("\noptions:")[0]).strip()),
        ".SH OPTIONS",
        *options(table.editor),
        ".SH COMMANDS",
    ]
    for command in _people(table):
        page += [f".SS jpterm\\-like {safe(command.name)} {safe(command.usage)}", safe(command.description)]
        page += options(command)
    page += [
        ".SH EXIT STATUS",
        safe(
            "0 done, or everything saved; 1 could not be done, or something left unsaved; 2 not understood; 70 a bug in jpterm-like."
        ),
    ]
    return "\n".join(page) + "\n"
