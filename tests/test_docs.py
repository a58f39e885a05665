"""The README is true: its commands, options, settings and example are those of the program, and all of them."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from jpterm_like.commands import COMMANDS
from jpterm_like.config import Settings
from tests.e2e.terminal import Serve, run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = {
    kind: [
        found[2] for found in re.finditer(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S) if found[1] == kind
    ]
    for kind in ("sh", "python")
}
INTERNAL = {name for name, command in COMMANDS.items() if not command.for_people}
"""Commands that the program calls by itself."""


def helps() -> str:
    """Everything that --help says, of the program and of each command for people."""
    pages = [run("--help"), *(run(command, "--help") for command in COMMANDS if command not in INTERNAL)]
    assert all(page.returncode == 0 and not page.stderr for page in pages)
    return "\n".join(page.stdout for page in pages)


def test_the_smallest_program_with_the_replicated_text() -> None:
    assert doctest.testfile(str(ROOT / "crdt" / "README.md"), module_relative=False) == (0, 13)


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def used(text: str) -> set[str]:
    """The commands in `jpterm-like COMMAND …` as written; what stands for a file is none."""
    return set(re.findall(r"jpterm-like ([a-z]+)(?![\w./:])", text)) & set(COMMANDS)


def test_each_command_is_in_the_readme_and_in_the_help() -> None:
    """A command is told in both, or in neither."""
    program = set(COMMANDS) - INTERNAL
    assert used(README) == program
    assert used(run("--help").stdout) == program


def test_each_option_of_the_help_is_in_the_readme_and_the_other_way_round() -> None:
    """An option is told in both."""
    shell = "\n".join(line for line in README.split("\n") if "jpterm-like" in line or "--" in line)
    mine = {option for option in options(shell) if f"pip install {option}" not in shell}
    assert mine == options(helps())


def test_each_setting_is_in_the_readme_and_the_other_way_round() -> None:
    """The row on config.toml names the settings that there are."""
    [row] = [line for line in README.split("\n") if "config.toml" in line]
    assert set(re.findall(r"`(\w+)`", row.rpartition("|")[0].split("|")[-1])) == {
        field.name for field in fields(Settings) if field.name != "problems"
    }


def test_the_example_runs_as_written(tmp_path: Path) -> None:
    """The README's script does what its comments say, against a real server."""
    example, _ = BLOCKS["python"]
    serve = Serve(tmp_path)
    try:
        code = example.replace("ws://127.0.0.1:8765", serve.url)
        assert code != example
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stderr == ""
        assert done.returncode == 0
        assert done.stdout.startswith("hello\n")
        assert "connected" in done.stdout
        assert done.stdout.rstrip().endswith(" 0")
        assert (tmp_path / "notes.md").read_text() == "hello\n"
    finally:
        serve.kill()


def test_the_first_page_has_two_commands_for_a_fresh_machine() -> None:
    """One installs and runs the main job, one installs what the tests need and runs them; each is one line."""
    install, tests = BLOCKS["sh"][:2]
    for command in (install, tests):
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv ")
    assert re.fullmatch(
        r"python3 -m venv (\S+) && \1/bin/pip install \. && \1/bin/jpterm-like notes\.md\n", install
    )
    assert re.fullmatch(
        r"python3 -m venv (\S+) && \1/bin/pip install -e '\.\[test\]' && \1/bin/pytest( -n \d+)?\n", tests
    )
    # .ci/run takes the second one from here by this line
    assert re.search(r"^Install what the tests need", README, re.M)
    assert README.index(install) < README.index(tests) < README.index("\n## ")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "test" in extras


@pytest.mark.parametrize(
    "place", sorted(set(re.findall(r"`((?:crdt|jpterm_like|themes|tests)/[\w/.]*)`", README)))
)
def test_each_place_in_the_readme_is_there(place: str) -> None:
    """The map of the folders shows what there is."""
    assert (ROOT / place).exists()


def attacks() -> list[tuple[str, str]]:
    """Of each row of the table in DESIGN.md: by what somebody is stopped, and which tests hold that."""
    design = (ROOT / "jpterm_like" / "DESIGN.md").read_text()
    [table] = re.findall(r"^\| who \| could try to .*\n\|[-|]*\n((?:\|.*\n)+)", design, re.M)
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.strip().split("\n")]
    assert all(len(row) == 4 for row in rows)
    return [(row[2], row[3]) for row in rows]


def test_each_door_has_its_check_and_its_test() -> None:
    """What the table of doors names as a function, class or test is there."""
    tests = {
        file.relative_to(ROOT / "tests").as_posix(): re.findall(
            r"^(?:async )?def test_(\w+)", file.read_text(), re.M
        )
        for file in (ROOT / "tests").rglob("test_*.py")
    }
    for checks, held in attacks():
        for check in re.findall(r"`([a-z_]\w*(?:\.\w+)+)`", checks):
            parts = check.split(".")
            count = next(
                n
                for n in range(len(parts), 0, -1)
                if (ROOT / "jpterm_like" / "/".join(parts[:n])).with_suffix(".py").exists()
            )
            source = (ROOT / "jpterm_like" / "/".join(parts[:count])).with_suffix(".py").read_text()
            for name in parts[count:]:
                assert re.search(rf"\b(?:def|class) {name}\b|^\s*(?:self\.)?{name}\b.* = ", source, re.M), (
                    check
                )
        names = re.findall(r"`([^`]+)`", held)
        assert names, checks
        for name in names:
            if name.endswith(".py"):
                assert name in tests, name
            else:
                start = name.removeprefix("test_").rstrip("…_")
                assert any(test.startswith(start) for found in tests.values() for test in found), name


def test_the_version_is_one() -> None:
    """What --version says is what is installed."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run("--version").stdout.split()[:2] == ["jpterm-like", version]
