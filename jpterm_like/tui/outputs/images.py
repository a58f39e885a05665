"""Images of outputs as half blocks: each cell is two pixels, one above the other.

They are decoded in a thread, by Pillow (in the extra `notebook`), which must not take long or much memory whatever the bytes are: four
formats, and limits on bytes and pixels. Without Pillow an image is a word.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

log = logging.getLogger("jpterm_like.outputs")

FORMATS: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
"""The types that are drawn, and Pillow's names for them: no other of its readers is given foreign bytes."""
BYTES_MAX: Final = 20_000_000
PIXELS_MAX: Final = 25_000_000
PIXELS_OF_A_CELL: Final = 8
"""How wide a cell counts to be: a picture is not drawn wider than it is."""
HEIGHT_MAX: Final = 30
"""Most rows of a picture."""
KEPT: Final = 60
"""Pictures that are kept as rows: some screens of them."""

Picture = list[list[Segment]]


class _Key(NamedTuple):
    digest: bytes
    width: int
    ground: str


class Images:
    """The pictures of a text's outputs."""

    def __init__(self, ready: Callable[[], None]) -> None:
        """`ready` is called when a picture that was asked for can be had."""
        self._ready = ready
        self._kept: OrderedDict[_Key, Picture | None] = OrderedDict()
        self._digests: dict[int, tuple[bytes, bytes]] = {}
        self._tasks: dict[_Key, asyncio.Task[None]] = {}

    def picture(self, kind: str, data: bytes, width: int, ground: str) -> tuple[bool, Picture | None]:
        """Whether a picture is being made, and if not its rows; None if it cannot be drawn.

        `ground`: the colour of what is transparent.
        """
        if kind not in FORMATS or not data or len(data) > BYTES_MAX or not has_pillow():
            return False, None
        key = _Key(self._digest(data), width, ground)
        if key in self._kept:
            self._kept.move_to_end(key)
            return False, self._kept[key]
        if key not in self._tasks:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return False, draw(kind, data, width, ground)
            self._tasks[key] = loop.create_task(self._make(key, kind, data))
        return True, None

    def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    def _digest(self, data: bytes) -> bytes:
        known = self._digests.get(id(data))
        if known is None or known[0] is not data:
            if len(self._digests) > 4 * KEPT:
                self._digests.clear()
            known = self._digests[id(data)] = data, hashlib.blake2b(data, digest_size=16).digest()
        return known[1]

    async def _make(self, key: _Key, kind: str, data: bytes) -> None:
        try:
            made = await asyncio.to_thread(draw, kind, data, key.width, key.ground)
        finally:
            self._tasks.pop(key, None)
        self._kept[key] = made
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._ready()


def has_pillow() -> bool:
    """Whether Pillow is installed; it is not loaded yet."""
    if "PIL" in sys.modules:
        return True
    from importlib.util import find_spec

    return find_spec("PIL") is not None


def draw(kind: str, data: bytes, width: int, ground: str) -> Picture | None:
    """The rows of a picture, at most `width` cells wide; None if it is damaged or too large."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=[FORMATS[kind]]) as image:
            if image.width * image.height > PIXELS_MAX or not image.width * image.height:
                return None
            columns = max(1, min(width, -(-image.width // PIXELS_OF_A_CELL)))
            pixels = max(1, round(columns * image.height / image.width))
            if pixels > 2 * HEIGHT_MAX:
                columns = max(1, round(columns * 2 * HEIGHT_MAX / pixels))
                pixels = 2 * HEIGHT_MAX
            image.draft("RGB", (2 * columns, 2 * pixels))
            shown = image.convert("RGBA").resize((columns, pixels), Image.Resampling.BOX)
        under = Image.new("RGBA", shown.size, ground or "#000000")
        raw = Image.alpha_composite(under, shown).convert("RGB").tobytes()
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, ArithmeticError, LookupError) as problem:
        log.info("an image of an output cannot be drawn: %s", problem)
        return None
    except (Image.DecompressionBombError, UnidentifiedImageError):
        return None
    return _half_blocks(raw, columns, pixels)


def _half_blocks(raw: bytes, columns: int, height: int) -> Picture:
    """Rows of two pixels a cell; neighbours of one colour are one segment."""
    rows: Picture = []
    line = 3 * columns
    for top in range(0, height, 2):
        upper = raw[top * line : (top + 1) * line]
        lower = raw[(top + 1) * line : (top + 2) * line] if top + 1 < height else None
        row: list[Segment] = []
        at = 0
        while at < line:
            high, low = upper[at : at + 3], None if lower is None else lower[at : at + 3]
            end = at + 3
            while (
                end < line and upper[end : end + 3] == high and (lower is None or lower[end : end + 3] == low)
            ):
                end += 3
            style = Style(color=Color.from_rgb(*high), bgcolor=None if low is None else Color.from_rgb(*low))
            row.append(Segment("▀" * ((end - at) // 3), style))
            at = end
        rows.append(row)
    return rows
