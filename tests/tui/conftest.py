"""Fixtures: one or two people at real editors, in terminals of memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from .story import Story


@pytest.fixture
async def tell() -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Tell a story: `await tell("he|llo", "presses X", "heX|llo")`; see `story.py`."""

    async def run(*steps: str, **options: object) -> None:
        async with Story(**options) as story:
            for step in steps:
                await story.go_on(step)

    yield run


two = tell
