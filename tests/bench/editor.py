"""How long from a key to the screen, for terminal editors side by side: `python -m tests.bench.editor`.

Each editor runs in a terminal of its own (a pty) with an empty home. One key is sent at a time, and counts until the output
arrived that made the screen show it; the screen is only parsed while the editor is silent, so the parser costs nobody
anything. What matters are the ratios: editors of one run saw the same machine. `floor` is a program that only echoes, so its
figures are what machine and harness cost at that moment.

Then our own editor in one case beside another (`CASES`): large texts, colours, long lines, others who write. `--cases none`
leaves them out, `--lines none` the editors.

What is not installed is left out: nano, vim, micro (Debian has all three). `textarea` is a bare Textual app around Textual's own
editor. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, thread_time
from typing import NamedTuple

import pyte

ROOT = Path(__file__).parents[2]
COLUMNS, ROWS = 120, 40

# An editor that is silent for so long has shown a key.
QUIET_S = 0.025
PATIENCE_S = 20.0


class Program(NamedTuple):
    """An editor and how it is started in a line, and brought to write at its end."""

    argv: tuple[str, ...]
    ready: bytes = b"\x1b[F"
    at: str = "+{line}"


FLOOR = """
import os, sys, tty
tty.setraw(0)
path, line = sys.argv[2], int(sys.argv[1])
text = open(path).read().split("\\n")[line - 1:line + 30]
os.write(1, b"\\x1b[2J\\x1b[H" + "\\r\\n".join(text).encode() + b"\\x1b[1;90H")
while key := os.read(0, 100):
    os.write(1, key.replace(b"\x7f", b"\b \b") if key.isalpha() or b"\x7f" in key else b"")
"""

TEXTAREA = """
import sys
from textual.app import App
from textual.widgets import TextArea
class Bare(App):
    def compose(self):
        yield TextArea(open(sys.argv[2]).read(), soft_wrap=False)
    def on_mount(self):
        area = self.query_one(TextArea)
        area.move_cursor((int(sys.argv[1]) - 1, 0), center=True)
        area.focus()
Bare().run()
"""

PROGRAMS = {
    "floor": Program((sys.executable, "-c", FLOOR), at="{line}"),
    "nano": Program(("nano",)),
    "vim": Program(("vim",), ready=b"A"),
    "micro": Program(("micro",)),
    "textarea": Program((sys.executable, "-c", TEXTAREA), at="{line}"),
    "ours": Program((sys.executable, "-m", "jpterm_like")),
}


class Case(NamedTuple):
    """A text in which our own editor is measured, and who is there, too."""

    lines: int
    ending: str = "txt"
    people: int = 0
    """Others with a caret in it."""
    edits: int = 0
    """Changes a second, of all others together, out of sight."""
    long: bool = False
    """All in one line, at whose start is written."""
    at_once: bool = False
    """Written as soon as the text is seen, while what goes on behind it has just begun."""


CASES = {
    "100": Case(100),
    "10k": Case(10_000),
    "10k-all": Case(10_000, "py", people=3),
    "100k": Case(100_000),
    "100k-py": Case(100_000, "py"),
    "1M": Case(1_000_000),
    "1M-at-once": Case(1_000_000, at_once=True),
    "long": Case(12_500, long=True),
    "ten": Case(10_000, people=10),
    "ten-writing": Case(10_000, people=10, edits=100),
}

# Which case is held against which.
SHARES = (
    ("1M", "100"),
    ("1M-at-once", "1M"),
    ("long", "100"),
    ("100k-py", "100k"),
    ("10k-all", "10k"),
    ("ten-writing", "ten"),
)


# Others in a file: one program, for ten of them would share the machine with the editor that is measured. Each is a guest of
# the hub with a replica and a caret at a line of its own near the start. They write one after the other, when told how many
# changes a second.
PEOPLE = """
import asyncio, sys
from jpterm_like.client.open import connect_session
from jpterm_like.storage.memory import MemoryStorage

async def take_part(path, name, storage, index, here, order):
    async with connect_session(path, name=name, storage=storage, create=False) as session:
        await session.wait_until_joined(60)
        offset = 0
        for _ in range(index):
            offset += session.buffer.slice(offset, offset + 1000).index("\\n") + 1
        place = session.buffer.anchor(offset)
        here.release()
        while await order[index].get():
            at = session.buffer.offset(place)
            session.replace(at, at, "x")
            session.show_caret(at + 1, None)

async def main(path, count):
    here, order = asyncio.Semaphore(0), [asyncio.Queue() for _ in range(count)]
    storage = MemoryStorage()
    tasks = [
        asyncio.create_task(take_part(path, f"p{i}", storage, i, here, order)) for i in range(count)
    ]
    for queue in order:
        await here.acquire()
        queue.put_nowait(True)
    print("here", flush=True)
    per_s = int(await asyncio.to_thread(sys.stdin.readline))
    due, index = asyncio.get_running_loop().time(), 0
    while True:
        due, index = due + 1 / per_s, index + 1
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        order[index % count].put_nowait(True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


class People:
    """Others in a file."""

    def __init__(self, path: Path, count: int, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PEOPLE, str(path), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # they are there

    def write(self, per_s: int) -> None:
        """Have them write, one after the other, until `close`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{per_s}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Pty:
    """An editor in a terminal that stamps its output."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.began = perf_counter()
        self.bytes = 0

        def own_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            start_new_session=True,
            cwd=ROOT,
            preexec_fn=own_terminal,
        )
        os.close(slave)

    def send(self, keys: bytes) -> float:
        sent = perf_counter()
        os.write(self._master, keys)
        return sent

    def chunks(self, patience_s: float) -> list[tuple[float, bytes]]:
        """What comes until it is quiet, each piece with the time at which it came."""
        found: list[tuple[float, bytes]] = []
        wait = patience_s
        while select.select([self._master], [], [], wait)[0]:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                break
            if not data:
                break
            found.append((perf_counter(), data))
            wait = QUIET_S
        return found

    def until(self, shown: Callable[[], bool], sent: float) -> float:
        """Seconds from a moment to the output that made a condition true."""
        while perf_counter() - sent < PATIENCE_S:
            arrived = None
            for when, data in self.chunks(PATIENCE_S):
                self.bytes += len(data)
                self._feed(data)
                if arrived is None and shown():
                    arrived = when
            if arrived is not None:
                return arrived - sent
        raise TimeoutError("a key was not shown:\n" + "\n".join(self.screen.display))

    def settle(self) -> None:
        while chunks := self.chunks(0.3):
            for _, data in chunks:
                self._feed(data)

    def _feed(self, data: bytes) -> None:
        # What asks the terminal, or sets its keyboard: pyte would print some of it.
        data = re.sub(
            rb"\x1b\[[<=>?][0-9;]*[a-zA-Z]|\x1bP.*?\x1b\\|\x1b\[[0-9;?]*\$p", _kept, data, flags=re.S
        )
        for _ in re.findall(rb"\x1b\[0?c", data):
            os.write(self._master, b"\x1b[?62;22c")
        self._stream.feed(data)

    @property
    def memory_mb(self) -> float:
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except OSError:
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


def _kept(found: re.Match[bytes]) -> bytes:
    """Modes that move text stay."""
    return found[0] if re.fullmatch(rb"\x1b\[\?\d+[hl]", found[0]) else b""


def measure(
    name: str, path: Path, lines: int, samples: int, home: Path, case: Case | None = None
) -> dict[str, float]:
    """One editor in one file: milliseconds and bytes."""
    program = PROGRAMS[name]
    env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": str(home), "LANG": "C.UTF-8"}
    for kind in ("CONFIG", "STATE", "CACHE", "DATA"):
        env[f"XDG_{kind}_HOME"] = str(home / kind.lower())
    env["PYTHONPATH"] = str(ROOT)  # the hub is started elsewhere
    (home / "run").mkdir(mode=0o700, exist_ok=True)
    env["XDG_RUNTIME_DIR"] = str(home / "run")
    middle = 1 if case is not None and case.long else lines // 2
    at_once = case is not None and case.at_once
    result: dict[str, float] = {}
    own = path

    def start(line: int) -> Pty:
        nonlocal own
        place = program.at.format(line=line)
        own = Path(tempfile.mkdtemp(dir=home), path.name)  # locks of the session before are no question then
        shutil.copyfile(path, own)
        terminal = Pty([*program.argv, place, str(own)], env)
        result["start ms"] = 1e3 * terminal.until(
            lambda: any(f"{line:08d}" in row for row in terminal.screen.display), terminal.began
        )
        if not at_once:
            terminal.settle()
        return terminal

    start(1).close()
    starts = []
    for _ in range(3):
        terminal = start(1)
        starts.append(result["start ms"])
        terminal.close()
    terminal = start(middle)
    result["start ms"] = sorted(starts)[1]
    if case is None or not case.long:
        terminal.send(program.ready)
        if not at_once:
            terminal.settle()
    people = None
    if case is not None and not at_once:
        time.sleep(5)  # what goes on after the start: the rest of a large text, colours
        terminal.settle()
        result["idle bytes in 3 s"] = sum(len(data) for _, data in terminal.chunks(3.0))
        if case.people:
            people = People(own, case.people, env)
            time.sleep(3)  # names go, and "typing"
            terminal.settle()
            if case.edits:
                people.write(case.edits)

    def row_of(number: int) -> int:
        return next((y for y, row in enumerate(terminal.screen.display) if f"{number:08d}" in row), -1)

    times: list[float] = []
    typed = ""
    for index in range(samples):
        typed += "ABCDEFGHIJ"[index % 10]
        if index == 5 and not at_once:  # the first ones warm up
            times, terminal.bytes = [], 0
        if index % 25 == 24:  # a line does not grow without end
            terminal.send(b"\x7f" * (len(typed) - 1))
            terminal.settle()
            typed = ""
            continue
        sent, wanted = terminal.send(typed[-1].encode()), typed
        before = terminal.bytes
        times.append(
            terminal.until(lambda wanted=wanted: any(wanted in r for r in terminal.screen.display), sent)
        )  # type: ignore[misc]
        result.setdefault("bytes", 0)
        result["bytes"] += terminal.bytes - before
    note(result, "type", times, result.pop("bytes") / max(1, len(times) + 5))
    result["memory MB"] = terminal.memory_mb
    if people is not None:
        people.close()
    if name != "floor" and case is None:
        for kind, keys in (("enter", b"\r"), ("page", b"\x1b[6~")):
            times, size = [], 0
            if kind == "page" and name == "vim":
                terminal.send(b"\x1b")
                terminal.settle()
            for _ in range(min(25, samples // 4)):
                first, before = terminal.screen.display[5], terminal.bytes
                sent = terminal.send(keys)
                if kind == "enter":
                    shown = lambda: row_of(middle + 1) - row_of(middle) == 2  # noqa: E731
                else:
                    shown = lambda first=first: terminal.screen.display[5] != first  # noqa: E731
                times.append(terminal.until(shown, sent))
                size += terminal.bytes - before
                if kind == "enter":
                    sent = terminal.send(b"\x7f")
                    terminal.until(lambda: row_of(middle + 1) - row_of(middle) == 1, sent)
                else:
                    terminal.send(b"\x1b[5~")  # a short text has no second page
                terminal.settle()
            note(result, kind, times, size / len(times))
    terminal.close()
    return result


def note(result: dict[str, float], kind: str, times: list[float], size: float) -> None:
    ordered = sorted(times)
    result[f"{kind} p50"] = 1e3 * ordered[len(ordered) // 2]
    result[f"{kind} p99"] = 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    result[f"{kind} bytes"] = size


def table(results: dict[str, dict[str, float]]) -> str:
    """Markdown: each editor's figures, and ours as a share of the others'."""
    kinds = list(dict.fromkeys(kind for found in results.values() for kind in found))
    rows = ["| | " + " | ".join(kinds) + " |", "|---|" + "--:|" * len(kinds)]
    for name, found in results.items():
        rows.append(
            f"| {name} | " + " | ".join(f"{found[k]:.2f}" if k in found else "" for k in kinds) + " |"
        )
    ours = results.get("ours", {})
    for name, found in results.items():
        if name not in ("ours", "floor") and ours:
            shares = [f"{ours[k] / found[k]:.2f}" if found.get(k) and k in ours else "" for k in kinds]
            rows.append(f"| ours / {name} | " + " | ".join(shares) + " |")
    return "\n".join(rows)


async def foreign_edit_ms(lines: int) -> float:
    """What a change of somebody else, out of sight, costs the thread of the interface when it has a frame of its own; the
    median of CPU times."""
    from jpterm_like.client.events import Changed
    from tests.tui.desk import Desk
    from tests.tui.terminal import terminal

    text = text_of(lines)
    ann, bob = Desk(text, "ann", 1), Desk(text, "bob", 2)
    times = []
    async with terminal(ann, (COLUMNS, ROWS)) as (app, pilot, screen):
        app.editor.start_at(lines // 2, 1)
        app.editor.view.reveal(app.editor.cursor.caret)
        app.editor.update()
        await pilot.pause()
        screen.written = ""
        for index in range(200):
            bob.buffer.replace(index, index, "x")
            data = bob.buffer.changes_since(ann.buffer.version)
            began = thread_time()
            app.editor._on_session(Changed(ann.buffer.integrate(data), mine=False))
            app.editor.update()
            times.append(thread_time() - began)
        await pilot.pause(0.1)
        assert not screen.written, "it wrote to the terminal"
    return 1e3 * sorted(times)[100]


def text_of(lines: int, joint: str = "\n", ending: str = "txt") -> str:
    """Numbered lines: words, 80 characters each; or what the ending stands for, 60 each."""
    line, width = "{n:08d} some words of text, some words of text, some words of text, some words of text", 80
    if ending == "py":  # 100,000 of them are not too many for colours
        line, width = "v{n:08d} = words('text', of={n}, to=[1, None])  # a comment on it", 60
    return "".join(line.format(n=n)[:width] + joint for n in range(1, lines + 1))


def measure_cases(names: list[str], samples: int) -> dict[str, dict[str, float]]:
    results = {}
    for name in names:
        case = CASES[name]
        with tempfile.TemporaryDirectory() as folder:
            path, home = Path(folder, f"lines.{case.ending}"), Path(folder, "home")
            home.mkdir()
            path.write_text(text_of(case.lines, " " if case.long else "\n", case.ending))
            results[name] = measure("ours", path, case.lines, samples, home, case)
            print(name, {kind: round(value, 2) for kind, value in results[name].items()}, flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--editors", default=",".join(PROGRAMS))
    parser.add_argument("--lines", default="100,10000,1000000")
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--ending", default="txt", help="the file's name ends so; py: with colours")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    for lines in [] if options.lines == "none" else map(int, options.lines.split(",")):
        results = {}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"lines.{options.ending}")
            path.write_text(text_of(lines, ending=options.ending))
            for name in options.editors.split(","):
                program = PROGRAMS[name]
                if name == "textarea" and lines > 100_000:
                    continue  # half a minute for each key
                if shutil.which(program.argv[0]) is None:
                    print(f"{name} is not installed", file=sys.stderr)
                    continue
                home = Path(folder, name)
                home.mkdir()
                try:
                    results[name] = measure(name, path, lines, options.samples, home)
                except TimeoutError as problem:
                    print(f"{name} is left out: {problem}", file=sys.stderr)
        print(f"\n{lines:,} lines, {COLUMNS}x{ROWS}\n\n{table(results)}", flush=True)
        if options.json:
            with options.json.open("a") as out:
                out.write(json.dumps({"lines": lines, "results": results}) + "\n")
    if options.cases != "none":
        results = measure_cases(options.cases.split(","), options.samples)
        print(f"\nours, case by case\n\n{table(results)}", flush=True)
        for one, other in SHARES:
            if one in results and other in results:
                shares = [results[one][kind] / results[other][kind] for kind in ("type p50", "type p99")]
                print(f"{one} / {other}: a key's p50 {shares[0]:.2f}, p99 {shares[1]:.2f}")
        for lines in (100, 1_000_000):
            print(
                f"a foreign edit out of sight, {lines:,} lines: {asyncio.run(foreign_edit_ms(lines)):.2f} ms",
                file=sys.__stdout__,
            )


if __name__ == "__main__":
    main()
