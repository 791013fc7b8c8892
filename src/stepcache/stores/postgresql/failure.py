"""PostgreSQL's errors: which of them pass, and what the others mean."""

from __future__ import annotations

from typing import Final

import asyncpg

from stepcache.errors import InputError, StepcacheError, StoreUnavailableError
from stepcache.stores.sql.address import Address

# By SQLSTATE (PostgreSQL manual, appendix A).
_AGAIN: Final = frozenset({"40001", "40P01", "55P03"})  # serialization failure, deadlock, lock_timeout
_LOST: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "53300", "08000", "08003", "08006", "08001"})
"""Shutting down, crashed, starting up, idle for too long (in a transaction or not), too many sessions, broken."""

_USER = "put the right user and password into the URL, PGUSER and PGPASSWORD, or ~/.pgpass"
_SENTENCES: Final = {
    "28P01": ("{place} refuses the user or the password", _USER),
    "28000": ("{place} refuses the user or the password", _USER),
    "3D000": ("there is no database {place}", "make it: createdb NAME"),
    "42501": ("the user may not do this in {place}", "GRANT it: the store makes tables and writes rows"),
    "25006": ("{place} is read-only", "give the URL of the primary, or end its read-only mode"),
    "53100": ("no space is left for {place}", "free some, then run again: what was stored is kept"),
    "53200": ("{place} is out of memory", "look at the server"),
    "53300": ("{place} has no session left", "raise max_connections, or lower ?pool_size= in the stores' URLs"),
    "42P01": ("a table of the store is missing in {place}", "run: stepcache --store {url} migrate"),
    "42703": ("a column of the store is missing in {place}", "run: stepcache --store {url} migrate"),
}
_EXTENDING: Final = frozenset({"mdextend", "mdzeroextend"})
"""Where the server makes a table's file longer: it has a code for a full disk, and none for a file at its limit."""


def is_transient(error: BaseException) -> bool:
    """Whether the same may well succeed when it is done again, on a new session if need be."""
    code = _code(error)
    return code in _AGAIN or code in _LOST or is_broken(error)


def is_broken(error: BaseException) -> bool:
    """Whether the session ended under the statement."""
    if isinstance(error, asyncpg.ClientConfigurationError | asyncpg.TargetServerAttributeNotMatched):
        return False
    # An internal error is what asyncpg makes of a session that ended while it was being closed or cancelled.
    lost = isinstance(error, asyncpg.PostgresConnectionError | asyncpg.InternalClientError | OSError)
    return lost or (isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError))


def keeps_session(error: BaseException) -> bool:
    """Whether the server, or the driver before anything was sent, refused a statement and nothing else happened."""
    return isinstance(error, asyncpg.PostgresError | ValueError) and not is_transient_session(error)


def is_transient_session(error: BaseException) -> bool:
    """Whether the session is over."""
    return _code(error) in _LOST or is_broken(error)


def explained(error: BaseException, address: Address) -> StepcacheError:
    """What to raise in place of ``error``."""
    place, code = address.place, _code(error)
    if isinstance(error, asyncpg.ClientConfigurationError):
        return InputError(f"the URL of {place} cannot be used: {error}", remedy="see docs/databases.md")
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return StoreUnavailableError(
            f"{place} is a standby, whose answers lag behind", remedy="give the URL of the primary"
        )
    if code == "42704":
        return InputError(f"the URL of {place} has an unknown option: {error}", remedy="see docs/databases.md")
    if code[:2] == "22" or code == "54000" or isinstance(error, ValueError):
        return InputError(f"a value cannot be stored in {place}: {error}")
    if is_broken(error):
        return StoreUnavailableError(
            f"the database {place} cannot be reached ({_reason(error)})",
            remedy="look whether the server runs and the URL names its host and port",
        )
    if getattr(error, "server_source_function", None) in _EXTENDING:
        code = "53100"
    sentence, remedy = _SENTENCES.get(code, ("the store {place} cannot be used", ""))
    return StoreUnavailableError(
        f"{sentence.format(place=place)} ({_reason(error)})", remedy=remedy.format(url=address.shown)
    )


def _code(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _reason(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
