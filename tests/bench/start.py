"""How long from the start of the program to its text on the screen, beside a bare Textual app: `python -m tests.bench.start`.

Each round starts every program once, in turn, in a terminal of its own (a pty), and stops the clock when the output arrived
that completed what is waited for: a line of text for `hello` and `static`, thirty lines of the file for the others. The screen
is parsed when the program is silent, so the parser costs nobody anything. What matters are the ratios to `hello`: each is the
median of those of the rounds, and both sides of one saw the same machine.

    hello     a Textual app with one line
    textarea  a Textual app around Textual's own editor, with the file in it
    hub       ours, with the hub there
    no hub    ours, the first of this user: it starts the hub
    again     ours, with the hub there, on a file that was open before and has a journal

Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.editor import PATIENCE_S, ROOT, TEXTAREA, Pty

LINES = 100

HELLO = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    def compose(self):
        yield Static("Hello, world!")
Hello().run()
"""

# What an installed `jpterm-like` says.
OURS = "import sys; from jpterm_like.cli.main import main; sys.exit(main())"


class Home:
    """Where a person's settings, journals and hub are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("config", "state", "cache", "data", "run"):
            (folder / name).mkdir(mode=0o700, parents=True)

    @property
    def env(self) -> dict[str, str]:
        env = {
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
        }
        env |= {
            f"XDG_{kind.upper()}_HOME": str(self.folder / kind)
            for kind in ("config", "state", "cache", "data")
        }
        return env | {"XDG_RUNTIME_DIR": str(self.folder / "run"), "PYTHONPATH": str(ROOT)}

    def hub(self) -> int | None:
        """Who listens as the hub."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.folder / "state/jpterm-like/hub.sock"))
            except OSError:
                return None
            return int(struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])

    def end_hub(self) -> None:
        """The hub ends, also one that is just starting."""
        deadline = time.monotonic() + PATIENCE_S
        while (pid := self.hub()) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def started(program: list[str], env: dict[str, str], shows: tuple[str, ...]) -> float:
    """Start a program in a terminal, and return after how many seconds the screen showed all of these."""
    terminal = Pty([sys.executable, *program], env)
    try:
        return terminal.until(
            lambda: all(any(text in row for row in terminal.screen.display) for text in shows), terminal.began
        )
    finally:
        terminal.settle()
        terminal.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--programs", default="hello,textarea,hub,no hub,again")
    options = parser.parse_args()
    programs = options.programs.split(",")
    times: dict[str, list[float]] = {program: [] for program in programs}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = "".join(f"{n:08d} {'some words of text, ' * 3}\n" for n in range(1, LINES + 1))
        lines = tuple(f"{n:08d}" for n in range(1, 31))
        (folder / "notes.md").write_text(text)
        home = Home(folder / "home")
        # the files are read once, the hub is there, and `again.md` was open before
        (folder / "again.md").write_text(text)
        started(["-c", OURS, str(folder / "again.md")], home.env, lines)
        for round in range(options.rounds + 1):
            turn = round % len(programs)
            for program in programs[turn:] + programs[:turn]:
                own = folder / f"{round} {program}"
                own.mkdir()
                file = shutil.copyfile(folder / "notes.md", own / "notes.md")
                if program == "hello":
                    took = started(["-c", HELLO], home.env, ("Hello, world!",))
                elif program == "textarea":
                    took = started(["-c", TEXTAREA, "1", str(file)], home.env, lines)
                elif program == "hub":
                    took = started(["-c", OURS, str(file)], home.env, lines)
                elif program == "again":
                    took = started(["-c", OURS, str(folder / "again.md")], home.env, lines)
                else:
                    fresh = Home(own / "home")
                    took = started(["-c", OURS, str(file)], fresh.env, lines)
                    fresh.end_hub()
                if round:  # the first one warms up
                    times[program].append(took)
        home.end_hub()
    print(f"{LINES} lines, {options.rounds} rounds\n\n| | ms | × hello |\n|---|--:|--:|")
    for program, took in times.items():
        row = f"| {program} | {1e3 * statistics.median(took):.0f} |"
        if program != "hello" and "hello" in times:
            ratio = statistics.median(ours / bare for ours, bare in zip(took, times["hello"], strict=True))
            row += f" {ratio:.2f} |"
        else:
            row += " |"
        print(row)


if __name__ == "__main__":
    main()
