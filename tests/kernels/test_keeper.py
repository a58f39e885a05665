"""Keepers as real processes: whatever dies, each message of a kernel is in the log once, or what is missing is told by count.

Most tests have a kernel of some lines (`fake_kernel`), which starts faster than a real one and says what it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from jpterm_like.kernels import kernel_process
from jpterm_like.kernels.description import KernelError, read_description
from jpterm_like.kernels.entries import Entry, Raw, encode
from jpterm_like.kernels.line import KeeperGone, KeeperLine, Message, Refused, Repeated, connect
from jpterm_like.kernels.start import Keeper, ensure_keeper, keepers, request, start_keeper

pytest.importorskip("zmq", reason="keepers need pyzmq: pip install '.[test]'")
real = pytest.mark.skipif(
    importlib.util.find_spec("ipykernel") is None,
    reason="a real kernel needs ipykernel: pip install '.[test]'",
)

FAKE = [sys.executable, str(Path(__file__).parent / "fake_kernel.py"), "{connection_file}"]
REAL = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]

Begin = Callable[..., Keeper]


@pytest.fixture
async def begin(home: Path) -> AsyncIterator[Begin]:
    """Start kernels, whose keepers are ended after the test."""
    begun: list[Keeper] = []
    state = home / "state" / "jpterm-like"

    def begin(argv: list[str] = FAKE, **options: object) -> Keeper:
        keeper = start_keeper(argv, os.environ, home, state, about={"notebook": "a.ipynb"}, **options)  # type: ignore[arg-type]
        begun.append(keeper)
        return keeper

    yield begin
    for keeper in begun:
        with contextlib.suppress(KernelError, TimeoutError, ProcessLookupError):
            status = request(keeper.folder, {"do": "status"})
            os.kill(status["keeper_pid"], signal.SIGKILL)
            if status["state"] != "ended":
                os.killpg(status["pid"], signal.SIGKILL)


async def run(line: KeeperLine, code: str, id: str = "run") -> int:
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "allow_stdin": True,
        "stop_on_error": True,
    }
    return await line.send("shell", Message("execute_request", content, id=id))


async def read_until(line: KeeperLine, is_last: Callable[[Entry], bool], after: int = 0) -> list[Entry]:
    found = []
    async with asyncio.timeout(60), contextlib.aclosing(line.entries(after)) as entries:
        async for entry in entries:
            found.append(entry)
            if is_last(entry):
                break
    return found


def is_idle(entry: Entry) -> bool:
    """Whether a run has ended."""
    return entry.content.get("execution_state") == "idle" and str(entry.parent.get("msg_id")).startswith(
        "run"
    )


def is_exit(entry: Entry) -> bool:
    return entry.kind == "exit"


def is_gap(entry: Entry) -> bool:
    return entry.kind == "gap"


def printed(entries: list[Entry]) -> str:
    return "".join(entry.content["text"] for entry in entries if entry.header.get("msg_type") == "stream")


def ticks(count: int) -> str:
    return "".join(f"tick {number}\n" for number in range(count))


async def kill_keeper(line: KeeperLine) -> None:
    """Kill the keeper, and wait until it is gone: it is nobody's child here."""
    pid = line.status["keeper_pid"]
    os.kill(pid, signal.SIGKILL)
    while kernel_process.identify(pid) is not None:
        await asyncio.sleep(0.005)


@real
async def test_a_real_kernel_runs_a_cell_once_and_stops(begin: Begin) -> None:
    keeper = begin(REAL)
    line = await connect(keeper.folder)
    number = await run(line, "print('tick 0')\ninput('name?')")
    with pytest.raises(Repeated):
        await run(line, "print('tick 0')")
    entries = await read_until(line, lambda entry: entry.header.get("msg_type") == "input_request")
    await line.close()

    line = await connect(keeper.folder)  # the next server answers
    await line.send("stdin", Message("input_reply", {"value": "Zoé"}, parent=entries[-1].header))
    entries = await read_until(line, is_idle)
    [answer] = [entry for entry in entries if entry.header.get("msg_type") == "input_reply"]
    assert answer.kind == "sent" and answer.content == {}, "it may be a password"
    sent = [entry for entry in entries if entry.header.get("msg_type") == "execute_request"]
    assert [entry.number for entry in sent] == [number] and sent[0].kind == "sent"
    assert printed([entry for entry in entries if entry.parent.get("msg_id") == "run"]) == "tick 0\n"
    assert any(entry.content.get("data", {}).get("text/plain") == "'Zoé'" for entry in entries)

    await run(line, "import time; time.sleep(60)", "run-2")
    await read_until(line, lambda entry: entry.header.get("msg_type") == "execute_input", entries[-1].number)
    # Control is answered while a cell runs, and such an answer ends with "idle", too.
    await line.send("control", Message("kernel_info_request", {}, id="run-control"))
    await read_until(line, lambda entry: is_idle(entry) and entry.parent["msg_id"] == "run-control")
    assert request(keeper.folder, {"do": "status"})["state"] == "busy"
    await line.signal(signal.SIGINT)
    entries = await read_until(
        line, lambda entry: is_idle(entry) and entry.parent["msg_id"] == "run-2", entries[-1].number
    )
    assert any(entry.content.get("ename") == "KeyboardInterrupt" for entry in entries)
    await line.stop()
    end = (await read_until(line, is_exit))[-1]
    assert (end.exit_code, end.content["reason"]) == (0, "stopped")
    with pytest.raises(Refused, match="has ended"):
        await run(line, "1", "run-3")
    await line.close()


@real
async def test_the_server_dies_in_the_midst_of_60_ticks(begin: Begin) -> None:
    """A process that reads is killed; the next one reads on behind the last entry that the first one had. Every tick is there once."""
    keeper = begin(REAL)
    line = await connect(keeper.folder)
    await run(
        line, "import time\nfor n in range(60):\n    print(f'tick {n}', flush=True)\n    time.sleep(0.01)"
    )
    reads = (
        "import asyncio, sys; from pathlib import Path; from jpterm_like.kernels.line import connect\n"
        "async def main():\n"
        "    line = await connect(Path(sys.argv[1]))\n"
        "    async for entry in line.entries(0): print(entry.number, flush=True)\n"
        "asyncio.run(main())"
    )
    server = subprocess.Popen([sys.executable, "-c", reads, str(keeper.folder)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    numbers = [int(await asyncio.to_thread(server.stdout.readline)) for _ in range(12)]
    server.kill()
    numbers += map(int, server.stdout.read().split())
    server.wait()
    server.stdout.close()
    before = [entry for entry in await read_until(line, is_idle) if entry.number <= numbers[-1]]
    after = await read_until(line, is_idle, numbers[-1])
    assert numbers == [entry.number for entry in before]
    assert printed([entry for entry in before + after if entry.parent.get("msg_id") == "run"]) == ticks(60)
    await line.close()


async def test_readers_killed_at_random_miss_nothing(begin: Begin, pytestconfig: pytest.Config) -> None:
    """The same with a reader that goes away and comes back, each time behind what it had."""
    keeper = begin()
    line = await connect(keeper.folder)
    count = 100
    await run(line, f"ticks {count} 0.003")
    chance = random.Random(7)
    found: list[Entry] = []
    while not (found and is_idle(found[-1])):
        length = chance.randrange(1, 30)
        after = found[-1].number if found else 0
        async with asyncio.timeout(30), contextlib.aclosing(line.entries(after)) as entries:
            async for entry in entries:
                found.append(entry)
                length -= 1
                if length == 0 or is_idle(entry):
                    break
    assert printed(found) == ticks(count)
    await line.close()


async def test_displays_while_the_reader_is_busy(begin: Begin) -> None:
    """20,000 displays while the server does something else for as long as it takes: all are there, and the end of the run."""
    keeper = begin()
    line = await connect(keeper.folder)
    await run(line, "flood 20000")
    entries = line.entries(0)
    first = await anext(entries)
    while request(keeper.folder, {"do": "status"})["state"] != "idle" or line.status["number"] == 1:
        time.sleep(0.05)  # noqa: ASYNC251 - nothing is to be read meanwhile
        line.status = request(keeper.folder, {"do": "status"})
    displayed = 0
    async for entry in entries:
        displayed += entry.header.get("msg_type") == "display_data"
        assert entry.kind != "gap"
        if is_idle(entry):
            break
    await entries.aclose()
    assert (first.kind, displayed) == ("started", 20_000)
    await line.close()


@pytest.mark.amount
async def test_a_keeper_that_dies_is_replaced(begin: Begin, pytestconfig: pytest.Config) -> None:
    """The kernel lives on under the next keeper, and what it said meanwhile is a gap, told to the message."""
    for round in range(pytestconfig.getoption("keeper_kills")):
        chance = random.Random(round)
        keeper = begin()
        line = await connect(keeper.folder)
        count = 60
        await run(line, f"ticks {count} 0.01")
        last = f"tick {chance.randrange(1, 40)}\n"
        stops = await read_until(line, lambda entry, last=last: entry.content.get("text") == last)
        pid = line.status["pid"]
        if chance.random() < 0.5:
            os.kill(line.status["keeper_pid"], signal.SIGSTOP)
        await kill_keeper(line)
        with pytest.raises(KeeperGone):
            await run(line, "ticks 1 0", "run-2")
        await line.close()
        await asyncio.sleep(chance.uniform(0, 0.2))
        line = await connect(keeper.folder)
        assert line.status["pid"] == pid
        with pytest.raises(Repeated):
            await run(line, f"ticks {count} 0.01")
        await run(line, "ticks 1 0", "run-2")
        entries = await read_until_all_is_told(line, "run-2")
        assert [entry.number for entry in entries[: len(stops)]] == [entry.number for entry in stops]
        assert missing(entries), round
        await line.close()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_keeper_that_was_stopped_goes_on(begin: Begin) -> None:
    """The kernel drops what its queue has no room for, and the count of that is exact, for nobody else talks to that kernel."""
    keeper = begin([*FAKE, "1000"])
    line = await connect(keeper.folder)
    await run(line, "flood 30000")
    await read_until(line, lambda entry: entry.header.get("msg_type") == "display_data")
    os.kill(line.status["keeper_pid"], signal.SIGSTOP)
    cpu_s = -1.0
    while cpu_s != (cpu_s := kernel_process_cpu_s(line.status["pid"])):
        await asyncio.sleep(0.1)
    os.kill(line.status["keeper_pid"], signal.SIGCONT)
    await run(line, "ticks 1 0", "run-2")
    assert missing(await read_until_all_is_told(line, "run-2"))
    await line.close()


def kernel_process_cpu_s(pid: int) -> float:
    return sum(map(float, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


def missing(entries: list[Entry]) -> set[int]:
    """The numbers that a kernel gave to messages which are not here."""
    numbers = [
        int(entry.header["msg_id"].rpartition("_")[2]) for entry in entries if entry.kind == "received"
    ]
    assert len(set(numbers)) == len(numbers)
    return set(range(min(numbers), max(numbers) + 1)) - set(numbers)


async def read_until_all_is_told(line: KeeperLine, last_run: str) -> list[Entry]:
    """All entries, until a run is over and gaps have been told for all that is missing, to the message."""
    found: list[Entry] = []
    is_over = False
    async with asyncio.timeout(60), contextlib.aclosing(line.entries(0)) as entries:
        async for entry in entries:
            found.append(entry)
            is_over = is_over or (is_idle(entry) and entry.parent["msg_id"] == last_run)
            if is_over and sum(each.count for each in found if is_gap(each)) == len(missing(found)):
                break
    gaps = [entry.content for entry in found if is_gap(entry)]
    if gaps:
        assert gaps[0]["from"] == min(missing(found)) and gaps[-1]["to"] == max(missing(found))
    return found


@pytest.mark.amount
@pytest.mark.parametrize("how", ["killed", "by itself"])
async def test_the_end_of_a_kernel_is_noted_at_once(
    begin: Begin, how: str, pytestconfig: pytest.Config
) -> None:
    """All that it said so far, then its exit code, within half a second."""
    for _ in range(max(1, pytestconfig.getoption("keeper_kills") // 2)):
        keeper = begin()
        line = await connect(keeper.folder)
        if how == "killed":
            await run(line, "ticks 1000 0.002")
            await read_until(line, lambda entry: entry.content.get("text") == "tick 20\n")
            os.kill(line.status["pid"], signal.SIGKILL)
            code = -9
        else:
            await run(line, "ticks 21 0.0")
            await run(line, "die 3", "run-2")
            code = 3
        began = time.time()
        entries = await read_until(line, is_exit)
        assert entries[-1].exit_code == code
        assert entries[-1].seconds - began < 0.5
        assert printed(entries).startswith(ticks(21))
        await line.close()


async def test_a_kernel_that_does_not_begin_says_why(begin: Begin) -> None:
    keeper = begin([sys.executable, "-c", "raise SystemExit('No module named ipykernel')"])
    line = await connect(keeper.folder)
    with pytest.raises(Refused, match="has ended"):
        await run(line, "ticks 1 0")
    end = (await read_until(line, is_exit))[-1]
    assert (end.exit_code, end.content["output"]) == (1, "No module named ipykernel\n")
    await line.close()


async def test_a_kernel_that_ended_without_a_keeper(begin: Begin) -> None:
    """Its exit code is nobody's; the log is there to the end."""
    keeper = begin()
    line = await connect(keeper.folder)
    await run(line, "ticks 3 0")
    await read_until(line, is_idle)
    await kill_keeper(line)
    os.killpg(line.status["pid"], signal.SIGKILL)
    await line.close()
    while kernel_process.identify(line.status["pid"]) is not None:
        await asyncio.sleep(0.005)
    line = await connect(keeper.folder)
    entries = await read_until(line, is_exit)
    assert printed(entries) == ticks(3)
    assert (entries[-1].exit_code, entries[-1].content["reason"]) == (None, "it ended while it had no keeper")
    await line.close()


async def test_an_idle_kernel_that_nobody_reads_is_stopped(begin: Begin) -> None:
    """One that is read, or that runs, goes on."""
    keeper = begin(idle_s=0.3)
    line = await connect(keeper.folder)
    await run(line, "ticks 20 0.05")  # for a second
    found = await read_until(line, is_idle)
    assert printed(found) == ticks(20)
    while request(keeper.folder, {"do": "status"})["state"] != "ended":
        await asyncio.sleep(0.05)
    end = (await read_until(line, is_exit))[-1]
    assert (end.content["reason"], end.exit_code) == ("idle", 0)
    await line.close()


async def test_a_keeper_ends_after_its_last_reader_and_leaves_what_was_not_taken(home: Path) -> None:
    folder = home / "k1"
    command = [
        sys.executable,
        "-P",
        "-m",
        "jpterm_like.kernels.keeper",
        "--linger",
        "0.2",
        str(folder),
        "--",
        *FAKE,
    ]
    for takes_all in (False, True):
        process = subprocess.Popen(command if not takes_all else [*command[:6], str(folder)])
        while not (folder / "keeper.json").exists() or not read_description(folder).socket.exists():
            await asyncio.sleep(0.01)
        line = await connect(folder)
        if not takes_all:
            await run(line, "die 0")
        end = (await read_until(line, is_exit))[-1]
        if takes_all:
            await line.acknowledge(end.number)
        await line.close()
        assert await asyncio.to_thread(process.wait, 30) == 0
        assert folder.exists() is not takes_all


async def test_nobody_else_reads_or_runs(begin: Begin) -> None:
    """Folders and files are closed to other users, also the socket itself, and the system is asked who is at it."""
    keeper = begin()
    description = read_description(keeper.folder)
    for folder in (keeper.folder, Path(description.sockets)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for path in folder.iterdir():
            assert path.name.startswith("z-") or not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    if os.geteuid() != 0:
        return  # only root can become somebody else
    # As if the folders had been open: another user connects, and is read nothing.
    attack = (
        "import os, socket, sys\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "line = socket.socket(socket.AF_UNIX); line.connect(sys.argv[1]); line.settimeout(10)\n"
        "print(line.recv(1 << 16))"
    )
    socket_path = description.socket
    opened = [(path, path.stat().st_mode) for path in (socket_path, *list(socket_path.parents)[:-1])]
    try:
        for path, mode in opened:
            path.chmod(mode | 0o077)
        command = [sys.executable, "-c", attack, str(socket_path)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        assert done.stdout == "b''\n" or "ConnectionResetError" in done.stderr, done
    finally:
        for path, mode in opened:
            path.chmod(stat.S_IMODE(mode))


async def test_nonsense_from_a_client_ends_its_connection_alone(begin: Begin) -> None:
    keeper = begin()
    path = str(read_description(keeper.folder).socket)
    for nonsense in (b"\xff" * 64, b"\0\0\0\4\0\0\0\0abcd", os.urandom(100_000)):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(path)
            with contextlib.suppress(OSError):
                line.sendall(nonsense)
                line.settimeout(10)
                while line.recv(1 << 16):
                    pass
    for order in ({}, {"do": "fly"}, {"do": "signal", "signal": "x"}, {"do": "acknowledge", "number": -1}):
        with contextlib.suppress(KernelError):
            request(keeper.folder, order)
    assert request(keeper.folder, {"do": "status"})["pid"]


async def test_the_command_lists_and_stops_kernels(begin: Begin, home: Path) -> None:
    """Those that run, for people and as JSON; an id may be shortened; one that ignores all but SIGKILL is killed."""
    keeper = begin()
    line = await connect(keeper.folder)
    await run(line, "stuck")

    async def command(*words: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "jpterm_like", "kernels", *words]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    code, listed, _ = await command()
    assert (
        code == 0
        and listed.startswith(f"{keeper.id}  ")
        and listed.endswith("  a.ipynb\n")
        and "MB" in listed
    )
    code, listed, _ = await command("--json")
    assert json.loads(listed)["id"] == keeper.id and json.loads(listed)["pid"] == line.status["pid"]
    assert (await command("stop"))[0] == 2
    code, _, told = await command("stop", "nothing")
    assert code == 1 and "No kernel that runs begins with nothing" in told
    assert await command("stop", keeper.id[:4]) == (0, "", "")
    end = (await read_until(line, is_exit))[-1]
    # It ignores all but SIGKILL.
    assert (end.exit_code, end.content["reason"], end.content["signal"]) == (-9, "stopped", "SIGKILL")
    assert await command() == (0, "", "")
    await line.close()


async def test_keepers_are_listed(begin: Begin, home: Path) -> None:
    keeper = begin()
    line = await connect(keeper.folder)
    await run(line, "ticks 1 0")
    await read_until(line, is_idle)
    [status] = keepers(home / "state" / "jpterm-like")
    assert (status.keeper, status.about, status.state) == (keeper, {"notebook": "a.ipynb"}, "idle")
    assert status.pid == line.status["pid"] and 5 << 20 < status.memory_bytes < 200 << 20
    await line.close()
    ensure_keeper(keeper.folder)
    assert request(keeper.folder, {"do": "status"})["keeper_pid"] == line.status["keeper_pid"]


async def test_a_kernel_of_another_release_is_left_alone(begin: Begin, home: Path) -> None:
    """Neither a description nor a log of another form is touched, and the sentence says why; nothing is there: that, too."""
    keeper = begin()
    line = await connect(keeper.folder)
    await kill_keeper(line)
    await line.close()
    (keeper.folder / "log.9").write_bytes(encode(Raw(128, 0, 0, 0.0, [b'{"form": 2}'])))
    with pytest.raises(KernelError, match="newer release"):
        await connect(keeper.folder)
    (keeper.folder / "log.9").unlink()
    description = (keeper.folder / "keeper.json").read_text()
    (keeper.folder / "keeper.json").write_text(description.replace('"form": 1', '"form": 2'))
    with pytest.raises(KernelError, match="another release"):
        await connect(keeper.folder)
    assert keepers(home / "state" / "jpterm-like") == []
    (keeper.folder / "keeper.json").write_text(description)
    with pytest.raises(KernelError, match="is not there any more"):
        await connect(keeper.folder.with_name("none"))
    line = await connect(keeper.folder)  # and so it is found again, and ended
    await line.close()
