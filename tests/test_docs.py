"""README and manual are true: their commands, options, keys, settings and examples are those of the program, and all of them."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from jpterm_like.cli.commands import COMMANDS
from jpterm_like.cli.editor_command import EDITOR
from jpterm_like.cli.manual_pages import FOLDER, TOPICS, contents, page
from jpterm_like.cli.parser import parser_of
from jpterm_like.config import Settings
from jpterm_like.tui.keymap import Keymap, parse_key
from tests.e2e.terminal import Serve, Terminal, run, terminals
from tests.manual import updated

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCS = "\n".join([README, *map(page, TOPICS)])
PAGES = {ROOT / "README.md", *ROOT.glob(".github/*.md"), *FOLDER.glob("*.md")}


def blocks(kind: str) -> list[str]:
    """The blocks of code of one kind in README and manual."""
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", DOCS, re.M | re.S)
    return [each[2] for each in found if each[1] == kind]


PLACES = "\n".join(file.read_text() for file in PAGES)
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


def test_each_command_is_in_the_manual_and_in_the_help() -> None:
    """A command is told in both, or in neither."""
    program = set(COMMANDS) - INTERNAL
    assert used(DOCS) == program
    assert used(run("--help").stdout) == program


def test_each_command_has_a_sentence_that_was_written_for_it() -> None:
    """The page that is made from --help does not count."""
    written = "\n".join(page(topic) for topic in TOPICS if topic != "commands")
    assert used(written) >= set(COMMANDS) - INTERNAL - {"completion"}


def test_each_option_of_the_help_is_in_the_manual_and_the_other_way_round() -> None:
    """An option is told in both."""
    shell = "\n".join(line for line in DOCS.split("\n") if "jpterm-like" in line or "--" in line)
    mine = {option for option in options(shell) if f"pip install {option}" not in shell}
    assert mine == options(helps())


def test_each_setting_is_in_the_manual_and_the_other_way_round() -> None:
    """The rows of the table on config.toml name the settings that there are."""
    assert set(re.findall(r"^\| `(\w+)` \|", page("settings").partition("## Themes")[0], re.M)) == {
        field.name for field in fields(Settings) if field.name != "problems"
    }


@pytest.mark.parametrize("topic", TOPICS)
def test_what_the_manual_lists_is_what_the_program_has(topic: str) -> None:
    """After a change of commands, keys or settings: python -m tests.manual"""
    text = (FOLDER / f"{topic}.md").read_text()
    assert text == updated(text), "write it again: python -m tests.manual"


def test_each_key_in_the_manual_is_a_key() -> None:
    """Keys are written in bold, each by itself; pages for other keyboards name their own in tables."""
    keymap = Keymap()
    written = re.findall(r"\*\*([^*\n]+)\*\*", DOCS)
    keys = {key: parse_key(key) for key in written if re.match(r"(ctrl|alt|shift)\+|f\d+$|tab$", key)}
    assert len(keys) > 30
    arrows = {"↑": "up", "↓": "down"}
    for key in keys:
        plain = parse_key(re.sub("[↑↓]", lambda found: arrows[found[0]], key))
        assert plain and keymap.command(plain), key


def test_each_topic_has_a_page_and_a_line_in_the_readme() -> None:
    """The list of README is the one that `jpterm-like manual` prints."""
    assert {file.stem for file in FOLDER.iterdir()} == set(TOPICS)
    rows = re.findall(r"^  jpterm-like manual (\w+) +(\S.*)$", contents(), re.M)
    assert [topic for topic, _ in rows] == list(TOPICS)
    assert run("manual").stdout == contents()
    listed = re.findall(r"^- \[(\w+)\]\(jpterm_like/manual/(\w+)\.md\): (.+)$", README, re.M)
    assert listed == [(topic, topic, about) for topic, about in rows]


async def test_a_page_of_the_manual_as_text_and_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is for a program, laid out for a person; another topic is refused with the list of those that there are."""
    assert run("manual", "keys").stdout == page("keys")
    wrong = run("manual", "nothing")
    assert wrong.returncode == 2 and all(topic in wrong.stderr for topic in TOPICS)
    monkeypatch.setenv("PAGER", "cat")
    async with terminals() as terminal:
        one: Terminal = terminal("manual", "trust", columns=100, rows=60)
        assert await one.ends() == 0
        assert b"\x1b[1m" in one.raw and b"| --- |" not in one.raw
        assert b"tests/e2e/test_kill.py" in one.raw


def test_the_picture_of_the_readme_is_drawn_by_its_script(tmp_path: Path) -> None:
    """The script still runs, and shows what the picture in the repository shows: two people in one text."""
    target = tmp_path / "picture.svg"
    subprocess.run(
        [sys.executable, str(ROOT / ".github" / "picture.py"), str(target)], check=True, timeout=120
    )
    for picture in (target, ROOT / ".github" / "two-people.svg"):
        drawn = picture.read_text()
        assert drawn.count("the small one") == 2 and drawn.count("coffee, enough for two") == 2
        assert ">Ann<" in drawn and ">Bob<" in drawn


@pytest.mark.parametrize("file", sorted(PAGES), ids=lambda file: file.name)
def test_each_link_leads_somewhere(file: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", file.read_text()):
        assert "://" in link or (file.parent / link).exists(), link


def lines_of_blocks() -> list[str]:
    found = re.findall(r"^```\n(.*?)^```$", DOCS.replace(page("commands"), ""), re.M | re.S)
    return [line for block in found for line in block.split("\n") if line.startswith("jpterm-like")]


@pytest.mark.parametrize("line", lines_of_blocks())
def test_each_command_line_in_the_manual_is_understood(line: str) -> None:
    """As the shell would pass it on; what it stands for, such as FILE, is taken for a name."""
    words = shlex.split(line, comments=True)[1:]
    command = COMMANDS.get(words[0]) if words else None
    if command is None:
        parser_of(EDITOR).parse_args(words)
    else:
        parser_of(command).parse_intermixed_args(words[1:])


def test_the_example_runs_as_written(tmp_path: Path) -> None:
    """The manual's script does what its comments say, against a real server."""
    example, _ = blocks("python")
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


def test_the_first_page_says_how_to_install_start_and_test() -> None:
    """The first screenful installs the program as a command on the PATH, then starts it; at the end is what the tests need."""
    pipx, venv, start, tests = blocks("sh")[:4]
    assert pipx == "pipx install .\n"
    install, link = venv.splitlines()
    folder = re.fullmatch(r"python3 -m venv (\S+) && \1/bin/pip install \.", install)
    assert folder is not None
    assert re.fullmatch(
        r"mkdir -p (\S+) && ln -sf " + re.escape(folder[1]) + r"/bin/jpterm-like \1/", link
    ), "what the rest of the page calls jpterm-like is found"
    assert start == "jpterm-like notes.md\n", (
        "not in the command that installs: its output would be under the editor"
    )
    first_heading = README.index("\n## ")
    assert README.index(pipx) < README.index(venv) < README.index(start) < first_heading < README.index(tests)
    assert README[:first_heading].count("\n") < 45
    assert re.fullmatch(
        r"python3 -m venv (\S+) && \1/bin/pip install -e '\.\[test\]' && \1/bin/pytest( -n \d+)?\n", tests
    )
    # .ci/run takes it from here by this line
    assert re.search(r"^Install what the tests need", README, re.M)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "test" in extras


@pytest.mark.parametrize(
    "place", sorted(set(re.findall(r"`((?:crdt|jpterm_like|themes|tests)/[\w/.]*)`", PLACES)))
)
def test_each_place_in_the_manual_is_there(place: str) -> None:
    """Folders, files and tests that are named are there."""
    assert (ROOT / place).exists()


def test_each_folder_is_on_the_map_for_those_who_work_on_it() -> None:
    """A new folder needs a row, and one that has gone has none."""
    table = (ROOT / ".github" / "CONTRIBUTING.md").read_text().partition("## Where things go")[2]
    folders = {
        f"{file.parent.relative_to(ROOT).as_posix()}/"
        for file in (ROOT / "jpterm_like").glob("*/__init__.py")
    }
    listed = set(re.findall(r"^\| `([\w/]+/)` \|", table, re.M))
    assert listed == folders | {"crdt/", "jpterm_like/manual/", "themes/", "tests/"}


def attacks() -> list[tuple[str, str]]:
    """The checks and the tests of each row of the table of threats."""
    design = (ROOT / "jpterm_like" / "access" / "DESIGN.md").read_text()
    [table] = re.findall(r"^\| attacker \| attempt .*\n\|[-|]*\n((?:\|.*\n)+)", design, re.M)
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.strip().split("\n")]
    assert all(len(row) == 4 for row in rows)
    return [(row[2], row[3]) for row in rows]


def test_each_threat_has_its_check_and_its_test() -> None:
    """The functions, classes and tests that the table of threats names exist."""
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


# Names of others, in the documents of how the program is built.
FOREIGN = {"fs.protected_hardlinks"}
NO_NAMES = {".py", ".md", ".toml", ".log", ".json", ".txt"}


def test_what_the_designs_name_is_there() -> None:
    """A module, file, class or function between backticks in a DESIGN exists."""
    files = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for folder in ("crdt", "jpterm_like", "tests")
        for path in (ROOT / folder).rglob("*.py")
    }
    code = "\n".join(files.values())
    defined = set(re.findall(r"\b(?:def|class) (\w+)", code)) | set(
        re.findall(r"^\s*(?:self\.)?(\w+)(?::| =|$)", code, re.M)
    )
    defined |= {part for path in files for part in path.removesuffix(".py").split("/")}
    designs = [*ROOT.glob("*/DESIGN.md"), *ROOT.glob("jpterm_like/*/DESIGN.md"), *ROOT.glob(".github/*.md")]
    assert len(designs) >= 6
    for design in designs:
        for name in re.findall(r"`([^`\n]+)`", design.read_text("utf-8")):
            if re.fullmatch(r"[\w./]+/[\w.]+\.(py|md)", name):
                places = (design.parent, ROOT, ROOT / "jpterm_like", ROOT / "tests")
                assert any((place / name).exists() for place in places), (design, name)
            elif re.fullmatch(r"_?[A-Za-z]\w*(\.\w+)+", name) and Path(name).suffix not in NO_NAMES:
                assert name in FOREIGN or set(name.split(".")) <= defined, (design, name)
