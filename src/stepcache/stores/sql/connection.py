"""What the shared code needs of a driver: sessions, and an understanding of their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from stepcache.errors import StepcacheError
from stepcache.stores.sql.address import Address
from stepcache.stores.sql.statement import Statement

Values = Mapping[str, Any]
Row = Sequence[Any]


class RacedError(Exception):
    """Another writer was first: roll back, and do the whole operation again. Never leaves the store."""


class DuplicateKeyError(Exception):
    """The row of an ``INSERT`` is there already. Never leaves the store."""


class Connection(Protocol):
    """One session. Every statement is a transaction of its own, except between ``begin`` and ``commit``."""

    in_transaction: bool
    last_id: int
    """Where the database tells it beside the answer (MySQL's LAST_INSERT_ID), that of the last ``execute``."""

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """The rows of the answer."""

    async def execute(self, statement: Statement, values: Values) -> int:
        """How many rows the statement found and wrote, equal to what they were or not.

        Raises DuplicateKeyError for an INSERT that meets a row of the same unique key.
        """

    async def execute_many(self, statement: Statement, many: Sequence[Values]) -> None:
        """The statement once for each of ``many``."""

    async def begin(self) -> None:
        """Start a transaction, READ COMMITTED."""

    async def commit(self) -> None:
        """Make it last."""

    async def rollback(self) -> None:
        """Undo it."""

    def is_usable(self) -> bool:
        """Whether the session is, as far as is known on this side, still there."""

    def abort(self) -> None:
        """Let go of the session at once, without a word to the server."""

    async def close(self) -> None:
        """Take leave of the server. Never raises for a session that is gone."""


class Driver(Protocol):
    """Makes sessions, and reads errors."""

    address: Address

    async def connect(self) -> Connection:
        """A new session, set up as the protocol wants it."""

    def is_transient(self, error: BaseException) -> bool:
        """Whether the same operation may well succeed when it is done again."""

    def keeps_session(self, error: BaseException) -> bool:
        """Whether the server answered with ``error`` and goes on serving the session."""

    def explained(self, error: BaseException) -> StepcacheError:
        """What to raise in place of ``error``: one sentence without credentials, and a remedy."""
