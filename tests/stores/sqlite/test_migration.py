"""A file that an older release left."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stepcache.errors import StoreUnavailableError
from stepcache.stores.claim import Claim, Hit, Renewed
from stepcache.stores.entry import Description
from stepcache.stores.sqlite import SqliteStore
from tests.stores.world import a_key, ask

OLD = Path(__file__).parents[2] / "data" / "stores" / "sqlite-1.sql"


def restored(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD.read_text())
    return path


def schema(path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        rows = connection.execute("SELECT type, name, COALESCE(sql, '') FROM sqlite_master ORDER BY type, name")
        return [("version", "", str(version))] + [
            (kind, name, re.sub(r"\s+", " ", sql)) for kind, name, sql in rows
        ]


async def test_a_file_of_the_first_version_becomes_what_a_new_one_is(tmp_path: Path) -> None:
    new, old = SqliteStore(tmp_path / "new.db"), SqliteStore(restored(tmp_path / "old.db"))
    for store in (new, old):
        await store.open()
        await store.close()
    assert schema(tmp_path / "old.db") == schema(tmp_path / "new.db")
    assert (old.found_version, new.found_version) == (1, 0)
    again = SqliteStore(tmp_path / "old.db")
    await again.open()
    await again.close()
    assert again.found_version == again.version == 4


async def test_what_an_older_release_stored_is_there(tmp_path: Path) -> None:
    store = SqliteStore(restored(tmp_path / "old.db"))
    await store.open()
    try:
        entry = await store.lookup(a_key("stored"))
        assert entry is not None
        assert (entry.id, entry.output, entry.published_by) == (1, '{"parameters": {"a": 1}}', "1" * 32)
        assert isinstance(await ask(store, a_key("stored")), Hit)
        assert await store.describe(a_key("stored")) == Description(
            "namespace", "pipeline", "component", "task", "run 1", 1.5, '{"a": 1}'
        )
        states = await store.watch([a_key("failed"), a_key("held")])
        assert states[a_key("failed")].failures == 1
        assert isinstance(await store.renew(Claim(a_key("held"), "3" * 32, 1), lease=60.0), Renewed)
        assert await store.settled("artifact_location") == "file:///artifacts"
        run = await store.run("run 1")
        assert run is not None
        assert run.outputs == '{"b": 2}'
        assert [task.name for task in await store.tasks("run 1")] == ["train"]
    finally:
        await store.close()
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        assert connection.execute("SELECT hits FROM execution_details").fetchall() == [(3,)]
        assert connection.execute("SELECT digest, size FROM execution_artifacts").fetchall() == [("a" * 64, 7)]


async def test_a_file_of_an_older_release_is_not_changed_by_who_only_reads(tmp_path: Path) -> None:
    path = restored(tmp_path / "old.db")
    content = path.read_bytes()
    store = SqliteStore(path, read_only=True)
    with pytest.raises(StoreUnavailableError, match="was made by an older stepcache") as caught:
        await store.open_to_read()
    assert "migrate" in str(caught.value.remedy)
    assert path.read_bytes() == content
