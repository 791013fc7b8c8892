"""The errors of MySQL and MariaDB: which of them pass, and what the others mean."""

from __future__ import annotations

from typing import Final

from pymysql import err

from stepcache.errors import InputError, StepcacheError, StoreUnavailableError
from stepcache.stores.sql.address import Address

_AGAIN: Final = frozenset({1205, 1213, 1020})  # lock waited for too long, deadlock, record changed
_LOST: Final = frozenset(
    {1040, 1203, 1226}  # too many sessions
    | {1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 1928, 4031}  # shut down, killed, broken
    | {2002, 2003, 2006, 2013, 2055}  # not there any more
    | {0}  # the driver knows that it is not connected
)
_USER = "put the right user and password into the URL, or the password into MYSQL_PWD"
_GRANT = "GRANT it: the store makes tables and writes rows"
_WRITABLE = "give the URL of the primary, or end its read-only mode"
_SPACE = "free some, then run again: what was stored is kept"
_MIGRATE = "run: stepcache --store {url} migrate"
_SENTENCES: Final = {
    1045: ("{place} refuses the user or the password", _USER),
    1698: ("{place} refuses the user or the password", _USER),
    1044: ("the user may not use {place}", _GRANT),
    1049: ("there is no database {place}", "make it: CREATE DATABASE"),
    1142: ("the user may not do this in {place}", _GRANT),
    1143: ("the user may not do this in {place}", _GRANT),
    1227: ("the user may not do this in {place}", _GRANT),
    1290: ("{place} is read-only", _WRITABLE),
    1792: ("{place} is read-only", _WRITABLE),
    1836: ("{place} is read-only", _WRITABLE),
    1021: ("no space is left for {place}", _SPACE),
    1026: ("no space is left for {place}", _SPACE),
    1114: ("no space is left for {place}", _SPACE),
    1040: ("{place} has no session left", "raise max_connections, or lower ?pool_size= in the stores' URLs"),
    1203: ("{place} has no session left", "raise max_user_connections, or lower ?pool_size= in the stores' URLs"),
    1226: ("{place} has no session left", "raise max_user_connections, or lower ?pool_size= in the stores' URLs"),
    1054: ("a column of the store is missing in {place}", _MIGRATE),
    1146: ("a table of the store is missing in {place}", _MIGRATE),
}
_TOO_MUCH: Final = 1153
_UNSTORABLE: Final = frozenset({1264, 1265, 1292, 1300, 1366, 1367, 1406, 3854, _TOO_MUCH})


def is_transient(error: BaseException) -> bool:
    """Whether the same may well succeed when it is done again, on a new session if need be."""
    return isinstance(error, OSError) or _code(error) in _AGAIN | _LOST


def keeps_session(error: BaseException) -> bool:
    """Whether the server, or the driver before anything was sent, refused a statement and nothing else happened."""
    if isinstance(error, UnicodeError):
        return True
    return isinstance(error, err.MySQLError) and _code(error) not in _LOST and _code(error) != _TOO_MUCH


def explained(error: BaseException, address: Address) -> StepcacheError:
    """What to raise in place of ``error``."""
    place, code = address.place, _code(error)
    if isinstance(error, UnicodeError) or code in _UNSTORABLE:
        remedy = "raise the server's max_allowed_packet" if code == _TOO_MUCH else ""
        return InputError(f"a value cannot be stored in {place}: {_reason(error)}", remedy=remedy)
    if code in _SENTENCES:
        sentence, remedy = _SENTENCES[code]
        return StoreUnavailableError(
            f"{sentence.format(place=place)} ({_reason(error)})", remedy=remedy.format(url=address.shown)
        )
    if is_transient(error) and code not in _AGAIN:
        return StoreUnavailableError(
            f"the database {place} cannot be reached ({_reason(error)})",
            remedy="look whether the server runs and the URL names its host and port",
        )
    return StoreUnavailableError(f"the store {place} cannot be used ({_reason(error)})")


def _code(error: BaseException) -> int:
    """The server's number; -1 for what is none of its errors."""
    if isinstance(error, err.MySQLError) and error.args and isinstance(error.args[0], int):
        return error.args[0]
    return 0 if isinstance(error, err.InterfaceError) else -1


def _reason(error: BaseException) -> str:
    text = str(error.args[1]) if isinstance(error, err.MySQLError) and len(error.args) > 1 else str(error)
    return text or type(error).__name__
