"""The arrows of imports only ever point down (STYLE, section 1), and the pure rings stay pure.

Each package or module of ours is in one row of `MAY_IMPORT`: what of ours it may import. What is pure has its
standard library listed by what it must not take. The modules are read, not run, so imports inside functions count.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

# Clocks, chance, I/O, threads, logging: what a simulation from one seed cannot have.
IMPURE = {
    "asyncio", "concurrent", "ctypes", "datetime", "fcntl", "getpass", "io", "locale", "logging", "multiprocessing",
    "os", "pathlib", "platform", "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "sqlite3",
    "ssl", "subprocess", "tempfile", "threading", "time", "uuid", "warnings",
}  # fmt: skip

# A library of others, and the only place that knows it.
ONLY_IN = {
    "msgpack": ("jpterm_like/sync/wire.py",),
    "websockets": ("jpterm_like/transports/websocket.py",),
    "watchfiles": ("jpterm_like/files/watch.py",),
    "pathspec": ("jpterm_like/files/ignore_rules.py",),
    "tree_sitter": ("jpterm_like/tui/syntax/grammars.py", "jpterm_like/tui/syntax/highlighter.py"),
    "textual": ("jpterm_like/tui/",),
    "rich": ("jpterm_like/tui/",),
}

# Of our own packages; the longest row that a module's path begins with counts. Modules that are not here may import
# anything but what `NEVER` says.
MAY_IMPORT = {
    "crdt/": ("crdt",),
    "jpterm_like/sync/": ("crdt", "jpterm_like.sync"),
    "jpterm_like/errors.py": (),
    "jpterm_like/files/disk.py": (),
    "jpterm_like/files/private.py": ("jpterm_like.files.disk", "jpterm_like.errors"),
    "jpterm_like/storage/": (
        "jpterm_like.storage",
        "jpterm_like.files.disk",
        "jpterm_like.errors",
        "jpterm_like.files.private",
    ),
    "jpterm_like/transports/": ("jpterm_like.transports", "jpterm_like.errors"),
    "jpterm_like/files/encoding.py": ("jpterm_like.errors", "jpterm_like.textdiff.matching"),
    "jpterm_like/files/mounts.py": (),
    "jpterm_like/files/access_control.py": ("jpterm_like.errors", "jpterm_like.files.mounts"),
    "jpterm_like/files/root.py": ("jpterm_like.files.access_control", "jpterm_like.files.disk"),
    "jpterm_like/files/read.py": (
        "jpterm_like.files.access_control",
        "jpterm_like.files.private",
        "jpterm_like.errors",
        "jpterm_like.files.disk",
        "jpterm_like.files.encoding",
        "jpterm_like.files.root",
    ),
    "jpterm_like/files/safe_names.py": ("jpterm_like.files.read",),
    "jpterm_like/server/shared_folder.py": (
        "jpterm_like.errors",
        "jpterm_like.files.read",
        "jpterm_like.files.safe_names",
        "jpterm_like.files.root",
    ),
    "jpterm_like/files/write.py": (
        "jpterm_like.files.access_control",
        "jpterm_like.errors",
        "jpterm_like.files.disk",
        "jpterm_like.files.encoding",
        "jpterm_like.files.read",
        "jpterm_like.files.root",
        "jpterm_like.files.holders",
    ),
    "jpterm_like/files/holders.py": (),
    "jpterm_like/config.py": ("jpterm_like.errors", "jpterm_like.files.private"),
    "jpterm_like/files/watch.py": (),
}

NEVER = {
    "jpterm_like/server/server.py": ("jpterm_like.tui", "jpterm_like.client.open", "jpterm_like.cli.main"),
    "jpterm_like/server/document.py": (
        "jpterm_like.tui",
        "jpterm_like.client.open",
        "jpterm_like.server.server",
    ),
    "jpterm_like/server/load_document.py": (
        "jpterm_like.tui",
        "jpterm_like.client.open",
        "jpterm_like.server.server",
    ),
    "jpterm_like/saver.py": (
        "jpterm_like.tui",
        "jpterm_like.client.open",
        "jpterm_like.server.server",
        "jpterm_like.transports",
    ),
    "jpterm_like/conversation.py": (
        "jpterm_like.tui",
        "jpterm_like.client.open",
        "jpterm_like.server.server",
        "jpterm_like.storage",
    ),
    "jpterm_like/client/session.py": (
        "jpterm_like.tui",
        "jpterm_like.server.server",
        "jpterm_like.cli.main",
        "jpterm_like.client.open",
    ),
    "jpterm_like/client/open.py": ("jpterm_like.tui", "jpterm_like.server.server", "jpterm_like.cli.main"),
    "jpterm_like/tui/": ("jpterm_like.server.server", "jpterm_like.storage", "jpterm_like.transports"),
}

# The one source of chance in a pure ring: 64 bits for a site, where the caller gives none.
EXCEPTIONS = {("crdt/ids.py", "secrets")}


class Import(NamedTuple):
    path: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def imports() -> Iterator[Import]:
    for package in ("crdt", "jpterm_like"):
        for file in sorted((ROOT / package).rglob("*.py")):
            yield from imports_of(file)


def imports_of(file: Path) -> Iterator[Import]:
    path = file.relative_to(ROOT).as_posix()
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    package = parts if file.name == "__init__.py" else parts[:-1]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                # "from jpterm_like import disk" imports a module of ours, "from time import time" a name.
                inner = ROOT / module.replace(".", "/") / alias.name
                is_module = inner.is_dir() or inner.with_suffix(".py").exists()
                yield Import(path, node.lineno, f"{module}.{alias.name}" if is_module else module)


ALL = list(imports())


def is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def row(table: dict[str, tuple[str, ...]], path: str) -> tuple[str, ...] | None:
    rows = [start for start in table if path.startswith(start)]
    return table[max(rows, key=len)] if rows else None


def is_ours(module: str) -> bool:
    return is_in(module, ("crdt", "jpterm_like"))


def test_imports_are_found() -> None:
    """The other tests here say nothing if the walk finds nothing."""
    found = {(each.path, each.module) for each in ALL}
    assert ("jpterm_like/storage/drive.py", "jpterm_like.files.disk") in found
    assert ("jpterm_like/textdiff/merge.py", "crdt.patch") in found
    assert any(path == "jpterm_like/sync/wire.py" and module == "msgpack" for path, module in found)


def test_our_own_imports_point_down() -> None:
    wrong = [
        str(each)
        for each in ALL
        if is_ours(each.module)
        and (allowed := row(MAY_IMPORT, each.path)) is not None
        and not is_in(each.module, allowed)
    ]
    wrong += [str(each) for each in ALL if is_in(each.module, row(NEVER, each.path) or ())]
    assert wrong == []


@pytest.mark.parametrize("ring", ["crdt/", "jpterm_like/sync/"])
def test_the_pure_rings_have_no_clock_no_chance_no_io(ring: str) -> None:
    wrong = [
        str(each)
        for each in ALL
        if each.path.startswith(ring)
        and each.module.split(".")[0] in IMPURE
        and (each.path, each.module) not in EXCEPTIONS
    ]
    assert wrong == []


def test_the_pure_rings_open_and_print_nothing() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} calls {node.func.id}"
        for ring in ("crdt", "jpterm_like/sync")
        for path in sorted((ROOT / ring).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in ("open", "print", "input", "exec", "eval", "__import__")
    ]
    assert wrong == []


def test_crdt_needs_the_standard_library_only() -> None:
    wrong = [
        str(each)
        for each in ALL
        if each.path.startswith("crdt/")
        and (each.path, each.module) != ("crdt/mypyc_compat.py", "mypy_extensions")  # for type checkers alone
        and not is_ours(each.module)
        and each.module.split(".")[0] not in sys.stdlib_module_names
    ]
    assert wrong == []


def test_each_library_of_others_has_one_place() -> None:
    wrong = [
        str(each)
        for each in ALL
        if (places := ONLY_IN.get(each.module.split(".")[0])) is not None and not each.path.startswith(places)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("jpterm_like.server.server", ("textual", "rich", "jpterm_like.tui")),
        ("jpterm_like.server.daemon", ("textual", "rich", "jpterm_like.tui")),
        ("jpterm_like.storage", ("textual", "websockets", "msgpack", "crdt", "jpterm_like.sync")),
        ("jpterm_like.textdiff.merge", ("asyncio", "textual", "websockets", "jpterm_like.errors")),
        ("jpterm_like.client.open", ("textual", "jpterm_like.tui", "jpterm_like.server.server")),
        (
            "jpterm_like.cli.main",
            ("asyncio", "textual", "rich", "crdt", "jpterm_like.tui", "jpterm_like.client.open"),
        ),
        ("crdt", ("asyncio", "logging", "socket", "jpterm_like")),
    ],
)
def test_what_a_running_process_loads(module: str, unwanted: tuple[str, ...]) -> None:
    """Imports of imports count: the server of a machine without a screen loads none of the editor."""
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert [name for name in loaded if is_in(name, unwanted)] == []
