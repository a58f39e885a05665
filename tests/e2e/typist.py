"""Someone who types unique tokens until killed, as a process of its own, and notes on the disk what they know.

Each token is a line, `<ann3.17>`, typed letter by letter into the line's place. What is noted: `typed N` after the
edits of the first N tokens have returned, `stored N` when the session said that all of them are on the server's disk.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import random
import re
import signal
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import jpterm_like
from jpterm_like.client.events import Changed, Reset

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["jpterm_like.client.open", "jpterm_like.storage.folder", "jpterm_like.transports.websocket"]
)

_TOKEN = re.compile(r"<([a-z]+\d+)\.(\d+)>")


class Typist:
    """The process, seen from the test; `who` is letters and a number, and never used again."""

    def __init__(self, address: str, who: str, folder: Path, seed: int, gaps_s: Collection[float]) -> None:
        self.who = who
        self._facts = folder / f"{who}.facts"
        arguments = (address, who, self._facts, seed, tuple(gaps_s), dict(os.environ))
        self._process = _FORKS.Process(target=_type_in_process, args=arguments, daemon=True)
        self._process.start()

    @property
    def typed(self) -> int:
        """How many tokens are certainly in the journal."""
        return self._noted("typed")

    @property
    def stored(self) -> int:
        """How many tokens were called stored."""
        return self._noted("stored")

    @property
    def ready(self) -> bool:
        return self._facts.exists()

    def _noted(self, what: str) -> int:
        if not self._facts.exists():
            return 0
        return max(
            (int(n) for word, n in re.findall(r"(\w+) (\d+)\n", self._facts.read_text()) if word == what),
            default=0,
        )

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def finish(self) -> None:
        """Let them type their token to its end, wait until all is stored, and leave."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGTERM)

    @property
    def gone(self) -> bool:
        return self._process.exitcode is not None

    @property
    def exit_code(self) -> int | None:
        return self._process.exitcode


def check_survival(text: str, sure: dict[str, int]) -> None:
    """Of each typist, the first tokens are there, each once, at least as many as are `sure`, and nothing else.

    Killed in the middle of a token, a typist may leave its beginning, once.
    """
    lines = Counter(line for line in text.split("\n") if line)
    partial: list[str] = []
    counts: Counter[str] = Counter()
    for line, count in lines.items():
        assert count == 1 or not _TOKEN.fullmatch(line), f"{line} is there {count} times"
        match = _TOKEN.fullmatch(line)
        if match and match[1] in sure:
            counts[match[1]] += 1
        else:
            partial += [line] * count
    for who, number in sure.items():
        there = counts[who]
        assert there >= number, f"{who} has {there} tokens; {number} are sure"
        missing = [i for i in range(there) if f"<{who}.{i}>" not in lines]
        assert not missing, f"{who}: {missing} are missing, though later ones are there"
    unfinished = {who: f"<{who}.{counts[who]}>" for who in sure}
    for line in sorted(partial, key=len, reverse=True):
        owner = next((who for who, token in unfinished.items() if token.startswith(line)), None)
        assert owner is not None, f"nobody typed the line {line!r}"
        del unfinished[owner]


def _type_in_process(
    address: str, who: str, facts: Path, seed: int, gaps_s: tuple[float, ...], env: dict[str, str]
) -> None:
    os.environ.clear()
    os.environ.update(env)
    asyncio.run(_type(address, who, facts, random.Random(seed), gaps_s))


async def _type(
    address: str, who: str, facts: Path, chance: random.Random, gaps_s: tuple[float, ...]
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with jpterm_like.connect(address, name=who) as session:
        fd = os.open(facts, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        caret = 0

        def follow(event: object) -> None:
            nonlocal caret
            if isinstance(event, Reset) or (isinstance(event, Changed) and not event.mine):
                caret = event.patch.map_offset(caret)

        session.listen(follow)
        for number in itertools.count():
            text = session.text
            caret = chance.choice([0, *(match.end() for match in re.finditer("\n", text))])
            session.replace(caret, caret, "<\n")
            caret += 1
            for letter in f"{who}.{number}>":
                session.replace(caret, caret, letter)
                caret += 1
                await asyncio.sleep(chance.choice(gaps_s))
            os.write(fd, f"typed {number + 1}\n".encode())
            if stop.is_set() or chance.random() < 0.1:
                await session.stored()  # waits through an outage, as one who looks at the status bar may
            if not session.unsent:
                os.write(fd, f"stored {number + 1}\n".encode())
            if stop.is_set():
                return
