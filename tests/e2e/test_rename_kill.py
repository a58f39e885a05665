"""kill -9 of a real server at system calls of a rename; needs strace, which kills at the very call."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest

import jpterm_like
from jpterm_like.errors import JptermError
from tests.e2e.terminal import Serve, until

CALLS = (
    "rename,renameat,renameat2",
    "linkat",
    "unlink,unlinkat",
    "fsync",
    "fdatasync",
    "mkdir,mkdirat",
    "openat",
)
"""Those that matter, by what they do. strace counts them in each thread for itself."""


async def killed_at(calls: str, number: int, root: Path) -> bool:
    """Rename, killed at the nth of these calls; whether the server got so far."""
    served = root / "served"
    served.mkdir(parents=True)
    (served / "old.md").write_text("begin\n")
    server = Serve(served)
    dead = False
    url = f"{server.url}/old.md"
    async with (
        jpterm_like.connect(url, name="ann", state_dir=root / "ann") as ann,
        jpterm_like.connect(url, name="bob", state_dir=root / "bob") as bob,
    ):
        ann.replace(0, 0, "<a1>\n")
        await asyncio.gather(ann.stored(), bob.synced())
        await ann.save()
        log = root / "strace"
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", str(log), "-p", str(server.process.pid), "-e", f"trace={calls}", "-e",
             f"inject={calls}:signal=SIGKILL:when={number}"],
        )  # fmt: skip
        try:
            status = Path(f"/proc/{server.process.pid}/status")
            await until(lambda: "TracerPid:\t0" not in status.read_text(), "the tracer")
            with contextlib.suppress(JptermError, TimeoutError):
                await asyncio.wait_for(ann.rename("new.md"), 5)
            dead = server.process.poll() is not None
            if not dead:
                await asyncio.sleep(0.3)
                dead = server.process.poll() is not None
        finally:
            tracer.terminate()
            tracer.wait()
        if dead:
            server.kill()
            server.start()
        ann.replace(0, 0, "<a2>\n")
        bob.replace(0, 0, "<b2>\n")
        async with asyncio.timeout(30):
            await asyncio.gather(ann.stored(), bob.stored())
            while ann.text != bob.text:
                await asyncio.sleep(0.05)
        text = ann.text
        assert sorted(text.split()) == ["<a1>", "<a2>", "<b2>", "begin"], text
        assert ann.path == bob.path
    assert server.stop() == 0
    assert [(path.name, path.read_text()) for path in served.glob("*.md")] == [(ann.path, text)]
    return dead


@pytest.mark.amount
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("calls", CALLS)
async def test_a_rename_survives_kill_9_at_its_system_calls(
    tmp_path: Path, calls: str, request: pytest.FixtureRequest
) -> None:
    """At `--rename-kills` of the first hundred, evenly; there are fewer of most kinds."""
    for number in range(1, 100, 100 // request.config.getoption("--rename-kills")):
        try:
            if not await killed_at(calls, number, tmp_path / str(number)):
                break
        except BaseException as problem:
            problem.add_note(f"killed at call {number} of {calls}")
            raise
