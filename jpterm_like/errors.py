"""Errors caused by the world outside the program, each explained in one plain sentence.

    JptermError
    ├── storage.base.StorageError    the disk under our own store says no
    │   ├── StoreBusy                another opening holds the document
    │   └── SyncFailed               some of the stores of a group commit are not on the disk
    ├── places.base.PlaceError       a place that carries packs cannot do it (its own tree is there)
    └── files.FileProblem            a plain file cannot be read, written or shared (its own tree is there)

`str(error)` is what a person reads: one sentence, with the next step where there is one. Data for programs is in
attributes. Bugs of ours are builtin errors (`ValueError`, `AssertionError`) and never of this tree.
"""

from __future__ import annotations

import errno
import unicodedata
from typing import Final

SAVING_WRITES: Final = "saving writes it again."
"""The end of a server's sentence about a deleted file; by it the client knows to dismiss the sentence after a save."""
NOTHING_WRITTEN: Final = "Nothing is written there meanwhile; the text is kept here."
"""The end of a server's sentence about a file that cannot be read."""
THERE_AGAIN: Final = "is there again on disk."
"""The end of a server's sentence that either is over."""
NOT_SAVED: Final = "Not saved: "
"""The beginning of a server's sentence about a failed autosave."""
WRITTEN_AGAIN: Final = "is written again."
"""The end of a server's sentence that this is over."""
NOT_STORED: Final = "Not stored: "
"""The beginning of a server's sentence that its own disk fails."""
WRITTEN_LESS: Final = "it is written less often now."
"""The end of a server's sentence about another program that changes the file each time it was written."""
WRITTEN_AS_USUAL: Final = "it is written as usual."
"""The end of a server's sentence that this is over."""

READ_ONLY: Final = "“Duplicate the file” saves a copy under another name."
"""The end of a server's sentence about a file that it may not write; by it the client shows "read only"."""
WRITABLE: Final = "may be written now."
"""The end of a server's sentence that this is over."""


class JptermError(Exception):
    """A problem that the user can understand and often fix."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


def explain(error: OSError) -> str:
    """Explain a system error in lower-case words without a full stop: "the disk is full"."""
    if error.errno in _WORDS:
        return _WORDS[error.errno]
    reason = error.strerror or str(error) or "the system does not say why"
    return reason[:1].lower() + reason[1:]


def escape_for_terminal(name: object) -> str:
    """Make a name or path safe for a terminal: characters that could act there become visible escapes (F21).

    Control characters, bidi overrides, other format characters and lone surrogates are escaped, letters, marks and
    emoji stay: "a\\x1b[2J.md" becomes "a\\\\x1b[2J.md".
    """
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _NOT_SHOWN
        else character
        for character in str(name)
    )


_NOT_SHOWN: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Unicode categories that are escaped: control, format (with the bidi overrides), surrogates, line and paragraph separators."""

_WORDS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "the file would become larger than is allowed here",
    errno.EACCES: "permission is denied",
    errno.EPERM: "the system does not permit it",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk reports an error",
    errno.ENOENT: "it is not there",
    errno.ENOTDIR: "a part of its path is not a folder",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its symbolic links go in a circle",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open on this machine",
    errno.ESTALE: "the network disk has lost it",
    errno.ETIMEDOUT: "the network disk does not answer",
    errno.ETXTBSY: "the program in it is running",
}
