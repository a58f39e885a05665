"""What one run of `carrying` did, and the sentences about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What was carried; see `wire.Carried`."""

    written: int = 0
    written_documents: set[bytes] = field(default_factory=set)
    got: int = 0
    got_documents: set[bytes] = field(default_factory=set)
    people: Counter[str] = field(default_factory=Counter)
    early: int = 0
    notices: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """The names of files that were removed here, and not as one removes a document."""
    notebooks: list[str] = field(default_factory=list)
    """The files that are left out, since the outputs of a notebook are in no history."""

    def tell(self, sentence: str) -> None:
        """Tell what could not be done, once."""
        if sentence not in self.problems:
            self.problems.append(sentence)

    def tell_missing(self) -> None:
        """Tell which files were removed here since the last run. A folder that was emptied looks so, too."""
        if self.missing:
            rest = len(self.missing) - 1
            others = f" and {rest:,} other{'' if rest == 1 else 's'}" if rest else ""
            self.notices.append(
                f"{self.missing[0]}{others} {'have' if rest else 'has'} no file here any more. The others keep theirs; open "
                f"{'one' if rest else 'it'} here and save, and there is a file again."
            )

    def tell_notebooks(self) -> None:
        """Tell which files are left out. That is no failure: all else is the same."""
        if (count := len(self.notebooks)) == 1:
            told = f"{self.notebooks[0]} is a notebook, and those are not synced"
        elif count:
            told = f"{count:,} notebooks, such as {min(self.notebooks)}, are not synced"
        else:
            return
        self.notices.append(f"{told}: their outputs are in no history.")
