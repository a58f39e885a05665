"""How long from a key to the screen, for terminal editors side by side: `python -m tests.bench.editor`.

Each editor runs in a terminal of its own (a pty) with an empty home. One key is sent at a time, and counts until the output
arrived that made the screen show it; the screen is only parsed while the editor is silent, so the parser costs nobody
anything. What matters are the ratios: editors of one run saw the same machine. `floor` is a program that only echoes, so its
figures are what machine and harness cost at that moment.

What is not installed is left out: nano, vim, micro (Debian has all three). `textarea` is a bare Textual app around Textual's own
editor. Linux only.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
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


def measure(name: str, path: Path, lines: int, samples: int, home: Path) -> dict[str, float]:
    """One editor in one file: milliseconds and bytes."""
    program = PROGRAMS[name]
    env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": str(home), "LANG": "C.UTF-8"}
    for kind in ("CONFIG", "STATE", "CACHE", "DATA"):
        env[f"XDG_{kind}_HOME"] = str(home / kind.lower())
    env["PYTHONPATH"] = str(ROOT)  # the hub is started elsewhere
    (home / "run").mkdir(mode=0o700, exist_ok=True)
    env["XDG_RUNTIME_DIR"] = str(home / "run")
    middle = lines // 2
    result: dict[str, float] = {}

    def start(line: int) -> Pty:
        place = program.at.format(line=line)
        own = Path(tempfile.mkdtemp(dir=home), path.name)  # locks of the session before are no question then
        shutil.copyfile(path, own)
        terminal = Pty([*program.argv, place, str(own)], env)
        result["start ms"] = 1e3 * terminal.until(
            lambda: any(f"{line:08d}" in row for row in terminal.screen.display), terminal.began
        )
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
    terminal.send(program.ready)
    terminal.settle()

    def row_of(number: int) -> int:
        return next((y for y, row in enumerate(terminal.screen.display) if f"{number:08d}" in row), -1)

    times: list[float] = []
    typed = ""
    for index in range(samples):
        typed += "ABCDEFGHIJ"[index % 10]
        if index == 5:  # the first ones warm up
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
    if name != "floor":
        for kind, keys in (("enter", b"\r"), ("page", b"\x1b[6~")):
            times, before = [], terminal.bytes
            if kind == "page" and name == "vim":
                terminal.send(b"\x1b")
                terminal.settle()
            for _ in range(min(25, samples // 4)):
                below = row_of(middle + 1)
                first = terminal.screen.display[5]
                sent = terminal.send(keys)
                if kind == "enter":
                    shown = lambda below=below: row_of(middle + 1) != below  # noqa: E731
                else:
                    shown = lambda first=first: terminal.screen.display[5] != first  # noqa: E731
                times.append(terminal.until(shown, sent))
                if kind == "enter":
                    times_bytes = terminal.bytes - before
                    terminal.send(b"\x7f")
                    terminal.settle()
            note(
                result,
                kind,
                times,
                (terminal.bytes - before) / len(times) if kind == "page" else times_bytes / len(times),
            )
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--editors", default=",".join(PROGRAMS))
    parser.add_argument("--lines", default="100,10000,1000000")
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--ending", default="txt", help="the file's name ends so; py: with colours")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    for lines in map(int, options.lines.split(",")):
        results = {}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"lines.{options.ending}")
            path.write_text(
                "".join(f"{n:08d} {'some words of text, ' * 4}"[:80] + "\n" for n in range(1, lines + 1))
            )
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


if __name__ == "__main__":
    main()
