"""Which words are right: asks the process with the dictionary, remembers its answers, and knows the user's own words.

One for all open texts. What is not known yet is asked for when the keyboard rests.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.tui import child_process
from jpterm_like.tui.spelling.dictionaries import find_dictionary, folders, language_of_locale, languages

log = logging.getLogger("jpterm_like.spelling")

ASK_S: Final = 0.05
"""How long words are gathered before they are asked for."""

ASKED_MAX: Final = 400
"""Words of one request."""

KNOWN_MAX: Final = 50_000
"""The most words that are remembered; then all are forgotten, and those on the screen asked for again."""

BETTER_KEPT: Final = 100
"""Words whose suggestions are remembered."""

ANSWER_S: Final = 60.0
"""The longest wait for an answer, the first of which comes when the dictionary is loaded."""

OWN_WORDS: Final = "words.txt"
"""The file of the user's own words in the folder of the settings, one a line."""


class NoSpelling(JptermError):
    """Spelling cannot be checked."""


class SpellChecker:
    """See the module."""

    def __init__(self, config: Path, language: str = "") -> None:
        """`config` is the folder of the settings; `language` as in the settings, "" for the locale's."""
        self.language = language or language_of_locale()
        self.dictionary = ""
        """The name of the dictionary, once it is found."""
        self._own_file = config / OWN_WORDS
        self._places = folders(config / "dictionaries")
        self._own: set[str] = set()
        self._own_stamp: object = None
        self._known: dict[str, bool] = {}
        self._wanted: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._exchanges: set[asyncio.Task[list[str]]] = set()
        self._better: dict[str, list[str]] = {}
        self.listeners: list[Callable[[], None]] = []
        """Called when words have become known."""
        self.failed: Callable[[str], None] = lambda sentence: None
        """Called with a sentence when the process is given up."""

    @property
    def instead(self) -> str:
        """A sentence if the dictionary is that of another country; else ""."""
        if self.dictionary.replace("-", "_").casefold() == self.language.replace("-", "_").casefold():
            return ""
        return (
            f"There is no dictionary for {escape_for_terminal(self.language)}, so {self.dictionary} is used."
        )

    # Words

    def is_wrong(self, word: str) -> bool:
        """Whether a word is known to be wrong; one that is not known is asked for soon."""
        right = self._known.get(word)
        if right is None and not self._is_own(word):
            self._wanted[word] = None
            if self._timer is None and self._task is None:
                self._timer = asyncio.get_running_loop().call_later(ASK_S, self._ask)
        return right is False and not self._is_own(word)

    def _is_own(self, word: str) -> bool:
        return word in self._own or word.lower() in self._own

    async def check(self, words: Iterable[str]) -> None:
        """Make words known.

        Raises:
            NoSpelling: they cannot be checked.
        """
        self._read_own()
        new = [word for word in dict.fromkeys(words) if word not in self._known]
        for low in range(0, len(new), ASKED_MAX):
            asked = new[low : low + ASKED_MAX]
            wrong = set(await self._request({"check": asked}))
            if len(self._known) > KNOWN_MAX:
                self._known.clear()
            self._known.update((word, word not in wrong) for word in asked)

    async def suggestions(self, word: str) -> list[str]:
        """Words that may be meant, the likeliest first.

        Raises:
            NoSpelling: as `check`.
        """
        if word not in self._better:
            found = await self._request({"suggest": word})
            if len(self._better) >= BETTER_KEPT:
                self._better.clear()
            self._better[word] = found
        return self._better[word]

    def add(self, word: str) -> None:
        """Add a word to the user's own.

        Raises:
            NoSpelling: the file cannot be written.
        """
        path = self._own_file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a+", encoding="utf-8") as stream:
                stream.seek(0)
                text = stream.read()
                stream.write(("" if not text or text.endswith("\n") else "\n") + word + "\n")
        except (OSError, UnicodeDecodeError) as problem:
            why = explain(problem) if isinstance(problem, OSError) else "it is not UTF-8"
            raise NoSpelling(f"{escape_for_terminal(path)} cannot be written: {why}.") from problem
        self._read_own()
        self._tell()

    def _read_own(self) -> None:
        """Read the user's own words again if the file has changed."""
        try:
            found = self._own_file.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._own_stamp:
                self._own = {line.strip() for line in self._own_file.read_text("utf-8").split("\n")} - {""}
                self._own_stamp = stamp
        except (OSError, UnicodeDecodeError):
            self._own, self._own_stamp = set(), None

    def _tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()

    # The process

    def _ask(self) -> None:
        self._timer = None
        wanted, self._wanted = self._wanted, {}
        self._task = asyncio.create_task(self._answer(wanted))

    async def _answer(self, wanted: Iterable[str]) -> None:
        try:
            await self.check(wanted)
        except NoSpelling as problem:
            self.failed(str(problem))
            return
        finally:
            self._task = None
        self._tell()  # they ask again for what is on the screen now

    async def start(self) -> None:
        """Load the dictionary.

        Raises:
            NoSpelling: spylls or a dictionary is missing, or cannot be read.
        """
        async with self._turn:
            await self._start()
        self._read_own()

    async def _start(self) -> asyncio.subprocess.Process:
        if self._process is not None:
            return self._process
        if importlib.util.find_spec("spylls") is None:
            raise NoSpelling(
                f"Spelling needs spylls; install it with: {escape_for_terminal(sys.executable)} -m pip install spylls"
            )
        path = find_dictionary(self.language, self._places)
        if path is None:
            package = f"hunspell-{self.language.lower().replace('_', '-')}"
            raise NoSpelling(
                f"There is no dictionary for {escape_for_terminal(self.language)}: install one, on Debian {escape_for_terminal(package)}, "
                f"or set spelling_language to one of {', '.join(languages(self._places)) or 'those you have'}."
            )
        self.dictionary = path.name
        process = self._process = await asyncio.create_subprocess_exec(
            # -P: import nothing from the working folder
            *(sys.executable, "-P", "-m", "jpterm_like.tui.spelling.process", str(path)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=1 << 20,
            cwd="/",
            start_new_session=True,  # the terminal's signals are for us
        )
        if problems := await self._line(process):
            log.warning("the dictionary %s cannot be read: %s", path, problems[0])
            await self._end_process()
            raise NoSpelling(f"The dictionary {escape_for_terminal(path)}.dic cannot be read.")
        return process

    async def _request(self, request: dict[str, object]) -> list[str]:
        task = asyncio.create_task(self._exchange(request))
        self._exchanges.add(task)
        task.add_done_callback(self._exchanged)
        return await asyncio.shield(task)  # if nobody waits any more, the answer is read all the same

    def _exchanged(self, task: asyncio.Task[list[str]]) -> None:
        self._exchanges.discard(task)
        if not task.cancelled():
            task.exception()  # who waited has heard of it

    async def _exchange(self, request: dict[str, object]) -> list[str]:
        async with self._turn:
            process = await self._start()
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                await process.stdin.drain()
            except OSError as problem:
                await self._end_process()
                raise NoSpelling(
                    "The spell checker ended; it begins again with the next command."
                ) from problem
            return await self._line(process)

    async def _line(self, process: asyncio.subprocess.Process) -> list[str]:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(ANSWER_S):
                line = await process.stdout.readline()
            if not line:
                raise EOFError
            return [str(each) for each in json.loads(line)]
        except (OSError, EOFError, ValueError, TimeoutError) as problem:
            await self._end_process()
            raise NoSpelling("The spell checker ended; it begins again with the next command.") from problem

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await child_process.end(process)

    async def close(self) -> None:
        """End the process."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._end_process()
        if self._exchanges:
            await asyncio.wait(self._exchanges)
