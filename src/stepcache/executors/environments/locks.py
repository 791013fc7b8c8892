"""Kept locks, on disk: by request and by digest."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from stepcache.errors import StepcacheError
from stepcache.executors.environments.interpreter import Interpreter
from stepcache.executors.environments.lock import Lock
from stepcache.executors.environments.request import Request


class Locks:
    """The locks that were resolved below one home. Files are replaced whole: a reader sees the old or the new."""

    def __init__(self, directory: Path) -> None:
        self._requests = directory / "requests"
        self._locks = directory / "locks"

    def resolved(self, request: Request, interpreter: Interpreter) -> list[str] | None:
        """The lines that ``request`` was resolved to; None when it never was, or what was kept is not readable."""
        path = self._requests / f"{request.digest(interpreter)}.json"
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            return [str(line) for line in json.loads(_read(path))["resolved"]]
        return None

    def keep_resolved(self, request: Request, interpreter: Interpreter, lines: list[str]) -> None:
        """Remember what ``request`` was resolved to, in the place of what it was before."""
        document: dict[str, Any] = {"request": request.document(interpreter), "resolved": sorted(lines)}
        _write(self._requests / f"{request.digest(interpreter)}.json", json.dumps(document, indent=1))

    def find(self, digest: str) -> Lock | None:
        """The lock of this digest; None when it was never kept here."""
        with suppress(FileNotFoundError):
            lock = Lock(_read(self._locks / f"{digest}.txt"))
            if lock.digest == digest:
                return lock
        return None

    def keep(self, lock: Lock) -> None:
        """Make ``find`` answer this lock."""
        path = self._locks / f"{lock.digest}.txt"
        if not path.exists():
            _write(path, lock.text)

    def request_path(self, request: Request, interpreter: Interpreter, suffix: str) -> Path:
        """A file that belongs to ``request``."""
        return self._requests / f"{request.digest(interpreter)}{suffix}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StepcacheError(f"cannot read {path}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    """Raises StepcacheError when it cannot be written; then nothing is changed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StepcacheError(f"cannot write {path}: {error.strerror}") from error
