"""What ends a command of vi that cannot be done."""

from __future__ import annotations


class Failed(Exception):
    """The command failed: nothing is done, and a macro ends. The message, if there is one, is for the person."""

    is_repeated = False
    """Whether `.` tries it again, as if it had changed something."""


class NoNumber(Failed):
    """There is no number to add to; there may be one where `.` is typed next."""

    is_repeated = True


class NotFound(Failed):
    """Nothing matches, or the pattern is none; `:g` goes on with the next line."""
