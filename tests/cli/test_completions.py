"""Completions and the manual page say what the table of commands says, and real shells and man take them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jpterm_like.cli.commands import COMMANDS, TABLE
from jpterm_like.cli.completions import SHELLS, manual
from tests.e2e.terminal import run

PEOPLE = [command.name for command in COMMANDS.values() if command.for_people]


def through(program: str, *arguments: str, stdin: str = "", cwd: Path | None = None) -> str:
    """What a real program makes of it; skipped where that is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [program, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=cwd
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_each_command_and_option_is_in_each_completion(shell: str) -> None:
    script = SHELLS[shell](TABLE)
    for name in (*PEOPLE, "listen", "tls-cert", "view", "readonly", "revoke"):
        assert name in script
    assert "hub" not in script.replace("github", "").split()


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("ser", {"serve"}),
        ("not", {"notes.md"}),
        ("serve --tls-", {"--tls-cert", "--tls-key"}),
        ("token re", {"revoke"}),
        ("token new --role v", {"view"}),
        ("token new --role o", {"own"}),
        ("share --role ''", {"view", "edit"}),
        ("completion f", {"fish"}),
        ("--re", {"--readonly"}),
    ],
)
def test_bash_completes(typed: str, found: set[str], tmp_path: Path) -> None:
    """Commands, options, their values, and files, also as the first word."""
    (tmp_path / "notes.md").touch()
    words = ["jpterm-like", *typed.split()]
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"{SHELLS['bash'](TABLE)}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _jpterm_like\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    said = through("bash", "--norc", "-c", script, cwd=tmp_path)
    assert set(said.split()) == found


@pytest.mark.parametrize(
    ("shell", "token", "share"),
    [
        ("bash", r'"token --role"\) .*\'view edit run own\'', r'"share --role"\) .*\'view edit\''),
        ("zsh", r'"token --role"\) compadd -- view edit run own;', r'"share --role"\) compadd -- view edit;'),
        ("fish", r"from token' -l role .*'view edit run own'", r"from share' -l role .*'view edit'"),
    ],
)
def test_each_command_has_the_choices_of_its_own_option(shell: str, token: str, share: str) -> None:
    """`token --role` takes one more word than `share --role`; they were merged by the name of the option."""
    lines = SHELLS[shell](TABLE).split("\n")
    for pattern in (token, share):
        assert len([line for line in lines if re.search(pattern, line)]) == 1, pattern


def test_zsh_takes_it() -> None:
    through("zsh", "-f", "-n", stdin=SHELLS["zsh"](TABLE))
    said = through("zsh", "-f", "-c", "autoload -U compinit; compinit -u -D; eval \"$(cat)\"; print $_comps[jpterm-like]",
                   stdin=SHELLS["zsh"](TABLE))  # fmt: skip
    assert said.strip() == "_jpterm_like"


def test_fish_completes() -> None:
    said = through(
        "fish", "--no-config", "-c", "source -; complete -C 'jpterm-like serv'", stdin=SHELLS["fish"](TABLE)
    )
    assert said.split("\t")[0] == "serve"


def test_the_manual_page() -> None:
    """Each command with each of its options; groff has nothing to complain of."""
    page = manual(TABLE)
    assert run("manual", "--man").stdout == page
    for name in PEOPLE:
        assert f"\n.SS jpterm\\-like {name} " in page
    assert "\\-\\-behind\\-proxy" in page
    shown = through("groff", "-man", "-ww", "-Tutf8", stdin=page) if shutil.which("groff") else page
    assert "a bug in jpterm-like" in shown
