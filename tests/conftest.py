"""Options of the test suite; a home of its own for every test; and what no test may leave in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# How long an example takes, or is thought of, says how busy the machine is.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of the tests with chance in them, so that the suite takes minutes; `tests/trust/__main__.py` has more."""
    parser.addoption("--seeds", type=int, default=100, help="how many seeds the network simulation tries")
    parser.addoption("--clusters", type=int, default=40, help="how many clusters are simulated")
    parser.addoption("--seed", type=int, default=None, help="try this one seed only")
    parser.addoption("--cuts", type=int, default=40, help="how often the power goes")
    parser.addoption("--frames", type=int, default=5_000, help="how many frames of nonsense are sent")
    parser.addoption("--partitions", type=int, default=25, help="how many rounds behind bad lines")
    parser.addoption("--rot", type=int, default=120, help="how many stored files are damaged")
    parser.addoption("--unions", type=int, default=100, help="how many histories of copied stores")
    parser.addoption("--churn", type=int, default=5, help="how many documents come and go at a time")
    parser.addoption("--identities", type=int, default=40, help="how many stories of copies and backups")
    parser.addoption("--rounds", type=int, default=15, help="how often real processes are killed")
    parser.addoption("--schedules", type=int, default=15, help="how many stories of people who come back")
    parser.addoption("--writers", type=int, default=50, help="how many rounds against other programs")
    parser.addoption("--packs", type=int, default=2_000, help="how many hostile packs are read")
    parser.addoption(
        "--carriers", type=int, default=60, help="how many histories of devices and faulty places"
    )
    parser.addoption(
        "--text-kills", type=int, default=0, help="how often a sync of texts with real servers is killed"
    )
    parser.addoption(
        "--place-kills", type=int, default=8, help="how often a sync with real servers is killed"
    )
    parser.addoption("--carried", type=int, default=4, help="how many stories of a folder that is carried")
    parser.addoption("--place-cuts", type=int, default=7, help="how often a line to real servers is cut")
    parser.addoption(
        "--killed-syncs", type=int, default=4, help="how many rounds of killed syncs of two machines"
    )
    parser.addoption("--parts", type=int, default=1, help="how many histories of a part of a collection")
    parser.addoption("--streams", type=int, default=1, help="how many streams of random keys on each screen")
    parser.addoption(
        "--rename-kills",
        type=int,
        default=5,
        help="at how many of a hundred system calls a rename is killed",
    )
    parser.addoption(
        "--documents", type=int, default=1_000, help="how many texts a place has, one of which is read"
    )
    parser.addoption("--cells", type=int, default=20, help="how many stories of people in one notebook")
    parser.addoption("--notebook-networks", type=int, default=12, help="how many networks in which cells run")
    parser.addoption("--records", type=int, default=15, help="how many networks of records")
    parser.addoption("--notebooks", type=int, default=0, help="how many real notebooks are fetched and read")
    parser.addoption("--keeper-kills", type=int, default=1, help="how often a kernel or its keeper is killed")
    parser.addoption(
        "--run-kills", type=int, default=2, help="how often a server or client of a running cell is killed"
    )
    parser.addoption(
        "--syncthing-rounds",
        type=int,
        default=0,
        help="how often two machines write in a folder of Syncthing's",
    )
    parser.addoption(
        "--node-faults",
        type=int,
        default=2,
        help="how many faults hit servers that share a database",
    )
    parser.addoption(
        "--typing", type=float, default=5.0, help="for how many seconds two people type at 20 ms a key"
    )


class Mistakes(logging.Handler):
    """What was logged with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.sentences.append(logging.Formatter().format(record))


@pytest.fixture(autouse=True)
def mistakes() -> Iterator[list[str]]:
    """Mistakes of ours that the program survives: a test that makes some on purpose takes them out of the list."""
    handler = Mistakes()
    logger = logging.getLogger("jpterm_like")
    logger.addHandler(handler)
    yield handler.sentences
    logger.removeHandler(handler)
    assert not handler.sentences, "\n".join(handler.sentences)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep settings, state and sockets of the person who runs the tests out of them."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name, folder in (
        ("XDG_STATE_HOME", "state"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_RUNTIME_DIR", "run"),
    ):
        (home / folder).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(home / folder))
    # Some environments ask for it; then each of the thousands of processes would compile every source anew.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    return home
