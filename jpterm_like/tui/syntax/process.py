"""The process that parses: `python -P -m jpterm_like.tui.syntax.process`.

The parser and its grammars are written in C. In texts that somebody wrote for it a step of theirs takes seconds or gigabytes, or
overwrites memory, and nothing can stop it from within. So they run here, where the system ends them, and the editor goes on without colours.

Requests and answers are those of `syntax.parsing`, a line of JSON each.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from typing import Any, Final

from jpterm_like.tui.syntax.parsing import Parsing

STEP_CPU_S: Final = 2.0
"""Processor time after which the process ends within a step, some hundred times as long as one is meant to take."""

TAKE_CPU_S: Final = 30.0
"""The same for a request, of which one may bring a text of eight million code points."""

MEMORY_BYTES_MAX: Final = 3 << 30
"""Trees of the longest texts that are parsed take some hundred MB."""

_READ_BYTES: Final = 1 << 16


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve one editor until it closes the pipe."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    parsing = Parsing(_say)
    pending = bytearray()
    while True:
        ready, _, _ = select.select([0], [], [], 0 if parsing.has_work else None)
        if not ready:
            signal.setitimer(signal.ITIMER_PROF, STEP_CPU_S)
            parsing.step()
            continue
        data = os.read(0, _READ_BYTES)
        if not data:
            return
        pending += data
        if b"\n" in data:
            *lines, rest = pending.split(b"\n")
            pending = bytearray(rest)
            for line in lines:
                signal.setitimer(signal.ITIMER_PROF, TAKE_CPU_S)
                parsing.take(json.loads(line))
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    main()
