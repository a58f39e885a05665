"""The arrows of imports only ever point down, never in a circle, and the pure folders stay pure.

A *room* is a folder of ours, or a module that lies in none. Each room has a row in `MAY_IMPORT`: which rooms it may import.
The modules are read, not run, so imports inside functions and those for type checkers count.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
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

PURE = (
    "crdt",
    "jpterm_like.sync",
    "jpterm_like.textdiff",
    "jpterm_like.notebook",
    "jpterm_like.history",
    "jpterm_like.packs",
)

# The one source of chance in a pure folder: 64 bits for a site, where the caller gives none.
EXCEPTIONS = {("crdt.ids", "secrets")}

# The claim of a first line or of a DESIGN, "the only module that knows …": a library, or a module of ours, and who imports it.
ONLY_IN = {
    "msgpack": ("jpterm_like.sync.wire",),
    "websockets": ("jpterm_like.transports.websocket",),
    "watchfiles": ("jpterm_like.files.watch",),
    "spylls": ("jpterm_like.tui.spelling.process",),
    "pathspec": ("jpterm_like.files.ignore_rules",),
    "tree_sitter": ("jpterm_like.tui.syntax.highlighter", "jpterm_like.tui.syntax.grammars"),
    "textual": ("jpterm_like.tui", "jpterm_like.demo"),
    "rich": ("jpterm_like.tui", "jpterm_like.demo"),
    "wcwidth": ("jpterm_like.tui.text",),
    "platformdirs": ("jpterm_like.config",),
    "psycopg": ("jpterm_like.postgres",),
    "sqlite3": ("jpterm_like.index.database",),
    "zmq": ("jpterm_like.kernels.kernel_sockets",),
    "urllib3": ("jpterm_like.places.http_client",),
    "paramiko": ("jpterm_like.places.sftp",),
    "obstore": ("jpterm_like.places.s3",),
    "fsspec": ("jpterm_like.places.other",),
    "jpterm_like.storage.inspection": ("jpterm_like.storage",),
    "jpterm_like.storage.folder": ("jpterm_like.stores", "jpterm_like.storage"),
    "jpterm_like.transports.websocket": ("jpterm_like.access", "jpterm_like.server.daemon"),
    "jpterm_like.sync.wire": ("jpterm_like.sync", "jpterm_like.server", "jpterm_like.client"),
}

LEAVES = ("jpterm_like.errors", "jpterm_like.clock", "jpterm_like.background")
"""They import nothing of ours. What is not pure may import `errors`; the other two where a row names them."""

TEXT = ("crdt", "jpterm_like.textdiff")
SHARED = (*TEXT, *LEAVES, "jpterm_like.sync", "jpterm_like.files", "jpterm_like.storage", "jpterm_like.transports",
          "jpterm_like.config", "jpterm_like.stores", "jpterm_like.saver", "jpterm_like.conversation", "jpterm_like.access")  # fmt: skip
"""What client and server have in common."""

GROUND = (
    "crdt",
    "jpterm_like.errors",
    "jpterm_like.files",
    "jpterm_like.sync",
    "jpterm_like.client.events",
    "jpterm_like.history",
    "jpterm_like.notebook",
)
"""What the screen knows of the rest; the session it is given."""

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "crdt": (),
    "jpterm_like.textdiff": ("crdt",),
    "jpterm_like.notebook": TEXT,
    "jpterm_like.history": ("crdt",),
    "jpterm_like.packs": ("crdt",),
    "jpterm_like.sync": TEXT,
    "jpterm_like.errors": (),
    "jpterm_like.clock": (),
    "jpterm_like.background": (),
    "jpterm_like.files": ("jpterm_like.errors", "jpterm_like.textdiff", "jpterm_like.notebook"),
    "jpterm_like.storage": ("jpterm_like.errors", "jpterm_like.files"),
    "jpterm_like.postgres": ("jpterm_like.errors", "jpterm_like.storage"),
    "jpterm_like.places": ("jpterm_like.errors", "jpterm_like.files", "jpterm_like.packs"),
    "jpterm_like.collection": ("jpterm_like.errors", "jpterm_like.files", "jpterm_like.packs", "jpterm_like.places"),
    "jpterm_like.transports": ("jpterm_like.errors",),
    "jpterm_like.config": ("jpterm_like.errors", "jpterm_like.files"),
    "jpterm_like.stores": ("jpterm_like.errors", "jpterm_like.config", "jpterm_like.files", "jpterm_like.storage", "jpterm_like.postgres"),
    "jpterm_like.last_time": ("jpterm_like.errors", "jpterm_like.clock", "jpterm_like.config", "jpterm_like.files"),
    "jpterm_like.saver": (*TEXT, "jpterm_like.sync", "jpterm_like.storage"),
    "jpterm_like.conversation": (*LEAVES, "jpterm_like.sync", "jpterm_like.transports"),
    "jpterm_like.access": (*LEAVES, "jpterm_like.config", "jpterm_like.files", "jpterm_like.places", "jpterm_like.sync",
                           "jpterm_like.transports"),
    "jpterm_like.kernels": ("jpterm_like.errors", "jpterm_like.config", "jpterm_like.files", "jpterm_like.transports"),
    "jpterm_like.retention": (*SHARED, "jpterm_like.last_time", "jpterm_like.collection"),
    "jpterm_like.client": (*SHARED, "jpterm_like.history", "jpterm_like.notebook"),
    "jpterm_like.server": (*SHARED, "jpterm_like.kernels", "jpterm_like.notebook", "jpterm_like.retention", "jpterm_like.collection", "jpterm_like.packs", "jpterm_like.places"),
    "jpterm_like.index": ("crdt", "jpterm_like.errors", "jpterm_like.config", "jpterm_like.files", "jpterm_like.history",
                          "jpterm_like.access", "jpterm_like.storage", "jpterm_like.saver", "jpterm_like.stores"),
    "jpterm_like.tui.text": (*TEXT, "jpterm_like.notebook"),
    "jpterm_like.tui.syntax": ("crdt", "jpterm_like.tui.child_process", "jpterm_like.tui.text"),
    "jpterm_like.tui.render": (*GROUND, "jpterm_like.tui.text", "jpterm_like.tui.syntax"),
    "jpterm_like.tui.outputs": (*GROUND, "jpterm_like.tui.text", "jpterm_like.tui.syntax", "jpterm_like.tui.render"),
    "jpterm_like.tui.widgets": (*GROUND, "jpterm_like.tui.text", "jpterm_like.tui.render", "jpterm_like.tui.keymap",
                                "jpterm_like.tui.key_presets", "jpterm_like.tui.fuzzy", "jpterm_like.tui.synonyms",
                                "jpterm_like.tui.search_history"),
    "jpterm_like.tui.spelling": ("jpterm_like.errors", "jpterm_like.tui.child_process", "jpterm_like.tui.text"),
    "jpterm_like.tui.commands": (*GROUND, "jpterm_like.history", "jpterm_like.tui"),
    "jpterm_like.tui.commands.vi": (*GROUND, "jpterm_like.tui"),
    "jpterm_like.tui.past": (*GROUND, "jpterm_like.history", "jpterm_like.tui"),
    "jpterm_like.tui": (*GROUND, "jpterm_like.config", "jpterm_like.history", "jpterm_like.last_time", "jpterm_like.tui"),
    "jpterm_like.demo": (*SHARED, "jpterm_like.client", "jpterm_like.server", "jpterm_like.tui", "jpterm_like.config"),
    "jpterm_like.cli": ("crdt", "jpterm_like"),
    "jpterm_like.__main__": ("jpterm_like.cli",),
    "jpterm_like": ("jpterm_like.client", "jpterm_like.errors"),
}  # fmt: skip
"""The longest row that a module's name begins with counts. Within its own folder each may import each, but in a circle."""


class Import(NamedTuple):
    importer: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.module}"


def sources() -> Iterator[tuple[str, Path]]:
    for package in ("crdt", "jpterm_like"):
        for file in sorted((ROOT / package).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            yield path.removesuffix(".py").removesuffix("/__init__").replace("/", "."), file


SOURCES = dict(sources())


def imports_of(name: str, file: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None, f"{file}:{node.lineno} imports relatively"
            for alias in node.names:
                # "from jpterm_like import saver" imports a module of ours, "from time import time" a name.
                inner = f"{node.module}.{alias.name}"
                yield Import(name, node.lineno, inner if inner in SOURCES else node.module)


@cache
def all_imports() -> list[Import]:
    return [each for name, file in SOURCES.items() for each in imports_of(name, file)]


def our_imports() -> list[Import]:
    return [each for each in all_imports() if each.module in SOURCES]


def is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def row_of(module: str) -> str:
    """The room of a module, as `MAY_IMPORT` has it."""
    rows = [row for row in MAY_IMPORT if is_in(module, (row,))]
    return max(rows, key=len)


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Groups of nodes from each of which one comes to each other (Tarjan's strongly connected components)."""
    found: list[list[str]] = []
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(arrows.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(arrows):
        if node not in index:
            visit(node)
    return found


def test_imports_are_found() -> None:
    """The other tests here say nothing if the walk finds nothing."""
    found = {(each.importer, each.module) for each in all_imports()}
    assert ("jpterm_like.storage.drive", "jpterm_like.files.disk") in found
    assert ("jpterm_like.textdiff.merge", "crdt.patch") in found
    assert ("jpterm_like.sync.wire", "msgpack") in found
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_every_folder_and_module_has_a_row() -> None:
    loose = {
        name for name in SOURCES if name.count(".") == 1 and not (ROOT / name.replace(".", "/")).is_dir()
    }
    folders = {name for name, file in SOURCES.items() if file.name == "__init__.py"}
    named = {name for name in loose | folders if not name.startswith("crdt.")}
    assert named - set(MAY_IMPORT) == set() and set(MAY_IMPORT) - named == set()


def test_arrows_point_down() -> None:
    wrong = [
        str(each)
        for each in our_imports()
        if not is_in(each.module, MAY_IMPORT[row_of(each.importer)])
        and row_of(each.importer) != row_of(each.module)
        and each.module != "jpterm_like"  # for its version
    ]
    assert wrong == []


def floors() -> dict[str, int]:
    """The line of each folder or module in the picture of `jpterm_like/DESIGN.md`; 0 is the top."""
    picture = (ROOT / "jpterm_like" / "DESIGN.md").read_text("utf-8").split("```")[1]
    lines = [re.split(r"  {4,}", line)[0].split() for line in picture.strip().split("\n")]
    return {name: floor for floor, names in enumerate(lines) for name in names}


def test_the_picture_in_the_design_is_true() -> None:
    """It has every folder and module of ours, and imports point to a line further down."""

    def name_of(module: str) -> str:
        return module.removeprefix("jpterm_like.").split(".")[0]

    floor = floors()
    assert set(floor) == {name_of(row) for row in MAY_IMPORT} - {"jpterm_like", "__main__"}
    wrong = [
        str(each)
        for each in our_imports()
        if (importer := name_of(each.importer)) not in ("jpterm_like", "__main__")
        and (imported := name_of(each.module)) not in (importer, "jpterm_like")
        and floor[importer] >= floor[imported]
    ]
    assert wrong == []


def test_the_map_in_the_design_has_a_row_for_each_folder_and_module() -> None:
    design = (ROOT / "jpterm_like" / "DESIGN.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?) \|", design.partition("## Invariants")[0], re.M)
    assert {name.strip("/") for row in rows for name in re.findall(r"`(.*?)`", row)} == set(floors())


def test_no_module_imports_itself_through_others() -> None:
    arrows: dict[str, set[str]] = defaultdict(set)
    for each in our_imports():
        arrows[each.importer].add(each.module)
    assert circles(arrows) == []


def test_no_folder_imports_itself_through_others() -> None:
    """A module that lies in no folder is one by itself."""

    def room(module: str) -> str:
        folder = module if SOURCES[module].name == "__init__.py" else module.rpartition(".")[0]
        return module if folder in ("jpterm_like", "jpterm_like.tui") else folder

    arrows: dict[str, set[str]] = defaultdict(set)
    for each in our_imports():
        if room(each.importer) != room(each.module) and each.module != "jpterm_like":
            arrows[room(each.importer)].add(room(each.module))
    assert circles(arrows) == []


@pytest.mark.parametrize("folder", PURE)
def test_pure_folders_have_no_clock_no_chance_no_io(folder: str) -> None:
    wrong = [
        str(each)
        for each in all_imports()
        if is_in(each.importer, (folder,))
        and each.module.split(".")[0] in IMPURE
        and (each.importer, each.module) not in EXCEPTIONS
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", PURE)
def test_pure_folders_open_and_print_nothing_and_have_no_coroutines(folder: str) -> None:
    wrong = []
    for name, file in SOURCES.items():
        if not is_in(name, (folder,)):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ("open", "print", "input", "exec", "eval", "__import__"):
                    wrong.append(f"{name}:{node.lineno} calls {node.func.id}")
            elif isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)):
                wrong.append(f"{name}:{node.lineno} waits")
    assert wrong == []


def test_crdt_needs_the_standard_library_only() -> None:
    wrong = [
        str(each)
        for each in all_imports()
        if is_in(each.importer, ("crdt",))
        and (each.importer, each.module)
        != ("crdt.mypyc_compat", "mypy_extensions")  # for type checkers alone
        and each.module not in SOURCES
        and each.module.split(".")[0] not in sys.stdlib_module_names
    ]
    assert wrong == []


@pytest.mark.parametrize("what", ONLY_IN)
def test_what_one_place_knows_no_other_does(what: str) -> None:
    importers = {each.importer for each in all_imports() if is_in(each.module, (what,))}
    assert importers, f"nobody imports {what}"
    assert {importer for importer in importers if not is_in(importer, ONLY_IN[what])} == set()


@cache
def calls_of(file: Path) -> frozenset[tuple[str, str]]:
    """The calls in a file: the last name of what it is called on ("" for a plain function), and the name of the function."""
    return frozenset(_calls(file))


def _calls(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            yield "", node.func.id
        elif isinstance(node.func, ast.Attribute):
            receiver = node.func.value
            name = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
            yield name.removeprefix("_"), node.func.attr


CALLED_ONLY_IN = {
    # Others may make a link or a transport, and name their types; only `conversation` carries frames between them.
    ("link", "next_frames"): ("jpterm_like.conversation",),
    ("link", "receive"): ("jpterm_like.conversation",),
    ("transport", "send"): ("jpterm_like.conversation",),
    ("transport", "receive"): ("jpterm_like.conversation",),
    ("transport", "offer"): ("jpterm_like.conversation",),
    # Others open and close stores, and keep blobs in them; only `saver` turns a pad into records and appends them.
    ("store", "append"): ("jpterm_like.saver",),
    ("", "Record"): ("jpterm_like.saver", "jpterm_like.storage"),
}
"""A call, as `calls_of` names it, and the modules or folders that may make it."""


@pytest.mark.parametrize("call", CALLED_ONLY_IN, ids=".".join)
def test_a_call_that_one_module_makes_no_other_does(call: tuple[str, str]) -> None:
    callers = {name for name, file in SOURCES.items() if call in calls_of(file)}
    assert callers, f"nobody calls {call}"
    assert {caller for caller in callers if not is_in(caller, CALLED_ONLY_IN[call])} == set()


def test_one_module_of_the_storage_calls_the_system() -> None:
    """So the tests can run the same store on a file system in memory that loses what was not flushed."""
    system = {"os", "fcntl", "shutil", "tempfile", "mmap", "io"}
    callers = {
        each.importer
        for each in all_imports()
        if is_in(each.importer, ("jpterm_like.storage",)) and each.module.split(".")[0] in system
    }
    assert callers - {"jpterm_like.storage.memory"} == {"jpterm_like.storage.drive"}
    files = {each.importer for each in our_imports() if is_in(each.importer, ("jpterm_like.storage",))
             and is_in(each.module, ("jpterm_like.files",))}  # fmt: skip
    assert files == {"jpterm_like.storage.drive"}


def test_constants_are_final() -> None:
    """A constant is `NAME: Final = value`, its explanation a string below it. The screen's modules have this still to come."""
    wrong = [
        f"{name}:{node.lineno} {target.id}"
        for name, file in SOURCES.items()
        if not is_in(name, ("jpterm_like.tui",))
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and re.fullmatch(r"_?[A-Z][A-Z0-9_]+", target.id)
    ]
    assert wrong == []


PRIVATE_OF_TEXTUAL = {
    "jpterm_like.tui.render.screen": None,
    "jpterm_like.tui.render.key_parser": None,
    "jpterm_like.tui.render.job_control": None,
    # How the app ends after a mistake of ours.
    "jpterm_like.tui.app": {"_exception", "_close_messages_no_wait"},
}
"""Modules that may use private names of Textual, and which; None: those that `screen` checks before it uses them."""


def test_private_names_of_textual_are_used_in_one_place() -> None:
    """Private is what begins with an underscore and is defined nowhere in our own modules."""
    ours = {"_replace", "_fields", "_asdict"}  # of named tuples
    read: dict[str, set[str]] = defaultdict(set)
    for name, file in SOURCES.items():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                if isinstance(node.ctx, ast.Store):
                    ours.add(node.attr)
                elif re.match(r"_(?!_)", node.attr):
                    read[name].add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                ours.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                ours.add(node.name)
    used = {name: names - ours for name, names in read.items() if names - ours}
    for each in all_imports():
        if re.match(r"(textual|rich)\._", each.module):
            used.setdefault(each.importer, set()).add(each.module)
    users = {name: names for name, names in used.items() if is_in(name, ("jpterm_like.tui",))}
    assert "jpterm_like.tui.render.screen" in users
    assert {
        name: names
        for name, names in users.items()
        if name not in PRIVATE_OF_TEXTUAL or names - (PRIVATE_OF_TEXTUAL[name] or names)
    } == {}


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("jpterm_like.server.server", ("textual", "rich", "jpterm_like.tui")),
        (
            "jpterm_like.server.daemon",
            ("textual", "rich", "psycopg", "jpterm_like.tui", "jpterm_like.postgres"),
        ),
        ("jpterm_like.storage", ("textual", "websockets", "msgpack", "crdt", "jpterm_like.sync")),
        # A keeper lives for as long as its kernel, one process for each.
        (
            "jpterm_like.kernels.keeper",
            ("asyncio", "textual", "websockets", "msgpack", "platformdirs", "crdt", "jpterm_like.config"),
        ),
        ("jpterm_like.kernels.line", ("zmq", "jupyter_client", "textual", "crdt")),
        ("jpterm_like.textdiff.merge", ("asyncio", "textual", "websockets", "jpterm_like.errors")),
        ("jpterm_like.client.open", ("textual", "jpterm_like.tui", "jpterm_like.server")),
        (
            "jpterm_like.cli.main",
            ("asyncio", "textual", "rich", "crdt", "jpterm_like.tui", "jpterm_like.client"),
        ),
        ("jpterm_like.tui.text.layout", ("asyncio", "textual", "rich")),
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
