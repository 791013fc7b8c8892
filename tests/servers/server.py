"""A real database server in a directory of its own, on a free port, run by an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

GUARD = Path(__file__).with_name("guard.py")
LONG = 60.0  # seconds; only a broken server takes so long
ATTEMPTS = 5


class Session(Protocol):
    """Another program's session with the server, each statement a transaction of its own."""

    async def run(self, statement: str) -> list[tuple[object, ...]]:
        """Do it and answer the rows. Identifiers may be quoted as in standard SQL."""


class ServerMissingError(Exception):
    """The programs are not installed; the text says what to install."""


class Server:
    """What all kinds have in common. ``start`` it; whoever made it must ``remove`` it."""

    name: ClassVar[str]
    identity: ClassVar[str]
    """The type of KFP's IDs."""
    long_text: ClassVar[str]
    """The type of KFP's templates and outputs."""
    unique: ClassVar[str]
    """What the unique index is, to ALTER TABLE ... DROP."""
    schema: ClassVar[str]
    """An expression for the schema of the tables."""
    sqlalchemy: ClassVar[str]
    """SQLAlchemy's URL of its dialect."""
    roomy: ClassVar[tuple[str, ...]]
    """Options with which a million entries fit into the server's memory."""
    settle: ClassVar[str]
    """What has the server look at a table's size, and finish what a bulk load leaves to be done later."""
    end_signal: ClassVar[int] = signal.SIGKILL
    """How the server is told to end, if what it keeps is of no more use."""

    def __init__(self, *, durable: bool = False, options: Sequence[str] = ()) -> None:
        """Make the files of a server. ``durable``: wait for the disk at each commit, as in production."""
        self.durable = durable
        self.options = tuple(options)
        self.prepared: set[str] = set()
        """Databases that tests have made for each other."""
        self.port = 0
        self.directory = Path(tempfile.mkdtemp(prefix=f"stepcache-{self.name}-"))
        self.user = "nobody" if os.geteuid() == 0 else ""
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(self.directory, entry.pw_uid, entry.pw_gid)
        self._guard: subprocess.Popen[bytes] | None = None
        try:
            self.install()
        except BaseException:
            self.remove()
            raise

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def install(self) -> None:
        """Make the files. Raises ServerMissingError."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """What starts the server in the foreground."""
        raise NotImplementedError

    def process_id(self) -> int:
        """The server's main process."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    def url(self, database: str, user: str = "stepcache", password: str = "") -> str:
        """The URL of a database."""
        raise NotImplementedError

    def session(self, database: str | None = None) -> AbstractAsyncContextManager[Session]:
        """A session of an administrator, by default with the server's own database."""
        raise NotImplementedError

    async def create(self, database: str) -> None:
        """Make an empty database in place of the one that may be there."""
        async with self.session() as session:
            await session.run(f'DROP DATABASE IF EXISTS "{database}"')
            await session.run(f'CREATE DATABASE "{database}"')
        self.prepared.discard(database)

    async def add_user(self, session: Session, user: str, database: str, *, sessions: int = -1) -> None:
        """A user with the password ``right word`` and every right on ``database``, none on the server. At most so
        many ``sessions`` at a time.
        """
        raise NotImplementedError

    async def make_read_only(self, session: Session, user: str, *, on: bool) -> None:
        """Let ``user`` write nothing, or again all that it may."""
        raise NotImplementedError

    async def set_time_zone(self, session: Session, zone: str) -> None:
        """The time zone of every new session."""
        raise NotImplementedError

    async def sessions(self, session: Session, database: str) -> int:
        """How many sessions others have with ``database``."""
        raise NotImplementedError

    async def waiting(self, session: Session) -> int:
        """How many sessions wait for a lock."""
        raise NotImplementedError

    def start(self) -> None:
        """Start, on the same port as before if there was one, and return when it answers."""
        had_port = self.port
        for attempt in range(ATTEMPTS):
            self.port = had_port or _free_port()
            user = ["--user", self.user] if self.user else []
            guard = [sys.executable, "-S", str(GUARD), f"{int(self.end_signal)}", str(self.directory)]
            with self.log.open("ab") as log:
                self._guard = subprocess.Popen(
                    [*guard, *user, *self.command()],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                )
            deadline = time.monotonic() + LONG
            while self._guard.poll() is None:
                if self.is_ready():
                    return
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            self.stop()
            time.sleep(0.1 * attempt)  # the port was taken in between, or the shared memory is still in use
        raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def kill(self) -> None:
        """SIGKILL to all of its processes, as if the machine had died."""
        assert self._guard is not None
        for process in _family(self.process_id()):
            os.kill(process, signal.SIGKILL)
        self._guard.wait(LONG)
        self._forget_guard()

    def stop(self) -> None:
        """End it at once."""
        if self._guard is not None and self._guard.stdin is not None:
            if self._guard.poll() is None:
                self._guard.stdin.write(b"stop\n")
                self._guard.stdin.flush()
            self._guard.wait(LONG)
            self._forget_guard()

    def remove(self) -> None:
        """End it, and remove its files."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, *arguments: str) -> None:
        """Run a program of the server, as its user."""
        with self.log.open("ab") as log:
            done = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user or None,
                extra_groups=[] if self.user else None,
                cwd=self.directory,
                timeout=LONG,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"{arguments[0]} failed:\n{self.log.read_text(errors='replace')[-3000:]}")

    def _forget_guard(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard = None


S = TypeVar("S", bound=Server)


async def until_gone(server: Server, session: Session, database: str) -> int:
    """Wait for the end of all other sessions; how many there still are after a while. The server has no events."""
    import asyncio

    deadline = time.monotonic() + 5
    while (left := await server.sessions(session, database)) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return left


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _family(process: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    family, pending = [], [process]
    while pending:
        family.append(pending.pop())
        pending += children.get(family[-1], [])
    return family
