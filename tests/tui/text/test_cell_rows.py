"""The rows of a notebook's cells follow the text."""

from __future__ import annotations

import random

from crdt import TextBuffer
from crdt.patch import Splice
from jpterm_like.tui.text.cell_rows import CellRows
from jpterm_like.tui.text.layout import TextLayout

PIECES = ("\n", "a", "# %% id=x\n", "\n# %% id=y\n", "# %%", "\n\n", "# %% [markdown] id=z\nwords\n", "")


def test_rows_follow_patches_of_several_splices() -> None:
    """A cell that is moved is one patch: what is changed above shifts the rows that were changed below it."""
    for seed in range(200):
        chance = random.Random(seed)
        buffer = TextBuffer()
        buffer.replace(0, 0, "".join(chance.choices(PIECES, k=8)))
        layout = TextLayout(buffer)
        cells = CellRows(layout)
        for _ in range(6):
            count = 2 * chance.randrange(1, 4)
            if len(buffer) < count:
                break
            places = sorted(chance.sample(range(len(buffer) + 1), count))
            splices = [
                Splice(start, end, chance.choice(PIECES))
                for start, end in zip(places[::2], places[1::2], strict=True)
            ]
            cells.follow(layout.follow(buffer.replace_all(splices[::-1])))
            try:
                cells.check()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {buffer.text!r}") from error
