"""A PostgreSQL of the test's own, in a temporary folder: with its flushes, and with replicas where a test asks for them.

PostgreSQL refuses to run as root, so it runs as the user postgres there.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from jpterm_like.postgres.schema import migrate

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
"""Where Debian has the programs; the newest last."""
MISSING = "" if FOLDERS or shutil.which("initdb") else "no PostgreSQL here"

SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 60
shared_buffers = 16MB
wal_retrieve_retry_interval = 200ms
wal_level = replica
hot_standby = on
logging_collector = off
max_wal_size = 256MB
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Cluster:
    """One server of PostgreSQL, which is running after `start`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.data = folder / name
        self.port = free_port()

    @staticmethod
    def run(*command: object) -> str:
        """Run a program of PostgreSQL, as the user postgres if this is root."""
        program = FOLDERS[-1] / str(command[0]) if FOLDERS else Path(str(command[0]))
        words = [str(program), *map(str, command[1:])]
        if os.geteuid() == 0:
            words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=60, cwd="/", env={**os.environ, "HOME": "/tmp"}
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    @classmethod
    def made(cls, folder: Path) -> Cluster:
        cluster = cls(folder, "primary")
        cls.run(
            "initdb", "-D", cluster.data, "-U", "postgres", "--auth=trust", "-k", "-E", "UTF8", "--no-locale"
        )
        cluster.configure(SETTINGS)
        cluster.start()
        return cluster

    def replica(self, name: str, port: int | None = None) -> Cluster:
        """Make and start a replica, which this server does not wait for until `configure` says so."""
        other = Cluster(self.folder, name)
        other.port = port or other.port
        self.run(
            "pg_basebackup", "-D", other.data, "-h", self.folder, "-p", self.port, "-U", "postgres", "-R", "-X", "stream",
            "-c", "fast", "-d", f"application_name={name}",
        )  # fmt: skip
        other.configure("synchronous_standby_names = ''")
        other.start()
        return other

    def configure(self, settings: str) -> None:
        """Add settings, which count after the next start or `reload`."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n{settings}\n")

    def start(self) -> None:
        self.run("pg_ctl", "start", "-w", "-D", self.data, "-l", self.folder / f"{self.data.name}.log")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "stop", "-w", "-m", mode, "-D", self.data)

    def restart(self, mode: str = "fast") -> None:
        log = self.folder / f"{self.data.name}.log"
        self.run("pg_ctl", "restart", "-w", "-m", mode, "-D", self.data, "-l", log)

    def reload(self) -> None:
        self.run("pg_ctl", "reload", "-D", self.data)

    def promote(self) -> None:
        self.run("pg_ctl", "promote", "-w", "-D", self.data)

    def kill(self) -> None:
        """Kill the server and all of its processes at once, as a machine that dies."""
        leader = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(leader, signal.SIGQUIT)  # its children end with it; a SIGKILL leaves them for a while
        while Path(f"/proc/{leader}").exists():
            time.sleep(0.01)  # nobody tells when a process of another parent has ended

    def address(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def database(self, name: str) -> str:
        """Make a database with the tables; return its address."""
        self.sql(f"CREATE DATABASE {name}")
        migrate(self.address(name))
        return self.address(name)

    def empty(self, database: str) -> None:
        """Remove everything in the tables of a database."""
        tables = ("node", "doc", "log", "snap", "blob", "token")
        self.sql(";".join(f"DELETE FROM jp_{table}" for table in tables), database)


def new_folder() -> Path:
    """A short path, for sockets, which the user postgres may write."""
    folder = Path(tempfile.mkdtemp(prefix="jp-pg-", dir="/tmp"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    return folder
