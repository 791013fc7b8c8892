"""SQLite's errors in words that name the file and the remedy."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from stepcache.errors import InputError, StepcacheError, StoreUnavailableError

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_SENTENCES: Final = {
    sqlite3.SQLITE_BUSY: ("other programs keep {path} locked", "end the one that holds it, then try again"),
    sqlite3.SQLITE_LOCKED: ("other programs keep {path} locked", "end the one that holds it, then try again"),
    sqlite3.SQLITE_PROTOCOL: ("other programs keep {path} locked", "end the one that holds it, then try again"),
    sqlite3.SQLITE_FULL: ("no space is left for {path}", "free some, then run again: what was stored is kept"),
    sqlite3.SQLITE_READONLY: ("{path} cannot be written", "give it, and its directory, to the user who runs this"),
    sqlite3.SQLITE_PERM: ("{path} cannot be used", "give it, and its directory, to the user who runs this"),
    sqlite3.SQLITE_CANTOPEN: ("{path} cannot be opened", "give it, and its directory, to the user who runs this"),
    sqlite3.SQLITE_NOTADB: ("{path} is not an SQLite database", "give another file by --store, or move it away"),
    sqlite3.SQLITE_CORRUPT: ("{path} is damaged", "put a copy back, or move it away: results are made again"),
    sqlite3.SQLITE_IOERR: ("{path} cannot be read or written", "look at the disk that it is on"),
}
_TOO_BIG: Final = sqlite3.SQLITE_TOOBIG


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection is in the way for the moment."""
    return _code(error) in _BUSY


def explained(error: Exception, path: Path) -> StepcacheError:
    """What to raise in place of ``error``, which came up while ``path`` was used."""
    if isinstance(error, OverflowError | UnicodeError) or _code(error) == _TOO_BIG:
        return InputError(f"a value cannot be stored in {path}: {error}")
    sentence, remedy = _SENTENCES.get(_code(error), ("the store {path} cannot be used", ""))
    return StoreUnavailableError(f"{sentence.format(path=path)} ({error})", remedy=remedy)


def _code(error: Exception) -> int:
    """The primary result code; 0 for an error that Python's module raises by itself."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
