"""How long it takes to be in a file through ssh: `python -m tests.bench.ssh`, with a real sshd on a loopback port.

A cold join of a text of 1 MB: nothing of it on this side, nothing of it open on the other. What ssh itself takes is measured in
the same run, as a command that is over when the shell there is reached (`ssh HOST true`), and taken off. With and without a
hub that runs over there already: the difference is what the first start of the hub adds for who comes through ssh.

With `--local`: an editor on a file here, from its start to the painted text, with a hub and without one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from jpterm_like.access.addresses import parse_address
from jpterm_like.access.ssh import SshAddress
from jpterm_like.client.open import connect_session
from jpterm_like.storage.memory import MemoryStorage
from tests.access.test_ssh import SSHD, Machine
from tests.e2e.hub import kill_hub
from tests.e2e.terminal import Terminal, until

SIZE = 1_000_000


def text(size: int) -> str:
    """Lines as people write them."""
    line = "The quick brown fox jumps over the lazy dog, and the {} time it is no surprise to anybody.\n"
    lines = [line.format(number) for number in range(size // len(line) + 1)]
    return "".join(lines)[:size]


def ssh_alone(machine: Machine) -> float:
    began = perf_counter()
    subprocess.run(["ssh", "-F", str(machine.folder / "ssh_config"), "box", "true"], check=True)
    return perf_counter() - began


async def join(written: str) -> float:
    """Until the whole text is here."""
    address = parse_address(written)
    assert isinstance(address, SshAddress)
    began = perf_counter()
    await asyncio.to_thread(address.prepare)
    async with connect_session(address, name="bench", storage=MemoryStorage(), create=False) as session:
        await session.synced()
        took = perf_counter() - began
        assert len(session.text) == SIZE
    return took


async def through_ssh(rounds: int, folder: Path) -> None:
    if SSHD is None:
        raise SystemExit("OpenSSH's sshd is not installed (Debian: openssh-server).")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    machine = Machine(folder)
    os.environ["JPTERM_LIKE_SSH"] = f"ssh -F {folder}/ssh_config"
    alone, cold, warm = [], [], []
    try:
        await until(machine.answers, "sshd")
        for number in range(rounds):
            (machine.home / f"cold{number}.md").write_text(text(SIZE))
            (machine.home / f"warm{number}.md").write_text(text(SIZE))
            alone.append(ssh_alone(machine))
            cold.append(await join(f"box:cold{number}.md"))
            warm.append(await join(f"box:warm{number}.md"))
            machine.kill_hub()
    finally:
        machine.end()
    ssh = statistics.median(alone)
    print(f"ssh alone                        {ssh:6.2f} s")
    for words, times in (("joined, hub started for it", cold), ("joined, hub there already", warm)):
        print(
            f"{words:<32} {statistics.median(times):6.2f} s   after ssh {statistics.median(times) - ssh:5.2f} s"
        )


async def paint(file: Path) -> float:
    """From the start of an editor to its text on the screen."""
    began = perf_counter()
    one = Terminal(str(file))
    try:
        await until(lambda: "quick brown fox" in one.text, "the text")
        return perf_counter() - began
    finally:
        one.close()


async def here(rounds: int, folder: Path) -> None:
    file = folder / "f.md"
    file.write_text(text(10_000))
    without, with_hub = [], []
    await paint(file)  # compiled files, caches
    for _ in range(rounds):
        kill_hub()
        without.append(await paint(file))
        with_hub.append(await paint(file))
    kill_hub()
    first, later = statistics.median(without), statistics.median(with_hub)
    print(f"painted, no hub yet              {first:6.2f} s")
    print(f"painted, hub there already       {later:6.2f} s   ratio {first / later:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--local", action="store_true")
    options = parser.parse_args()
    work: Callable[[int, Path], object] = here if options.local else through_ssh
    with tempfile.TemporaryDirectory() as home:
        for name, place in (
            ("HOME", ""),
            ("XDG_STATE_HOME", "state"),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_CONFIG_HOME", "config"),
        ):
            (Path(home) / place).mkdir(mode=0o700, exist_ok=True)
            os.environ[name] = str(Path(home) / place)
        asyncio.run(work(options.rounds, Path(home)))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
