"""Bring the tables of a database to this release's, by Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stepcache.stores.sql.connection import Driver


async def upgrade(driver: Driver, *, url: str, lock: str, unlock: str, version: str = "head") -> None:
    """Apply what is missing up to ``version``. Of many processes that do so at once, one applies each migration.

    Args:
        driver: makes the one session that is used.
        url: the SQLAlchemy dialect, as ``NAME+DRIVER://``.
        lock: a statement that keeps the others out.
        unlock: a statement that lets them in again; empty where the end of the transaction does.
        version: of the tables.

    Raises what SQLAlchemy or the driver raises; PostgreSQL then has what it had before, and MySQL what was made up
    to there, which the next attempt goes on from.
    """
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async def creator() -> Any:
        session: Any = await driver.connect()
        return session.raw

    engine = create_async_engine(url, async_creator=creator, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(lock))
            try:
                await connection.run_sync(_upgrade, version)
            finally:
                if unlock:
                    await connection.execute(text(unlock))
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, version: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, version)
