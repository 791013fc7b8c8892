"""From a URL to a store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stepcache.errors import InputError, StoreUnavailableError
from stepcache.stores.opening import open_store, open_to_read, server
from tests.stores.world import a_key, a_record


@pytest.mark.parametrize(
    "name", ["store.db", "with space.db", "what?.db", "100%.db", "100%25.db", "#ä+&=.db", "\udcff.db"]
)
@pytest.mark.parametrize("option", ["", "?synchronous=full"])
async def test_the_url_of_a_store_opens_it_again(tmp_path: Path, name: str, option: str) -> None:
    quoted = name.replace("%", "%25").replace("?", "%3F")
    store = await open_store(f"sqlite:///{tmp_path}/{quoted}{option}")
    await store.put(a_key(), a_record())
    await store.close()
    assert (tmp_path / name).is_file()
    again = await open_store(store.url)
    assert await again.lookup(a_key()) is not None
    await again.close()
    assert again.url == store.url


async def test_three_slashes_are_relative_and_four_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///below/store.db", f"sqlite:///{tmp_path}/below/store.db"):
        store = await open_store(url)
        assert store.url == f"sqlite:///{tmp_path}/below/store.db"
        await store.close()


@pytest.mark.parametrize("name", ["store.db", "what?.db", "100%25.db", "\udcff.db"])
async def test_a_store_that_is_opened_to_be_read_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    quoted = name.replace("%", "%25").replace("?", "%3F")
    store = await open_store(f"sqlite:///{tmp_path}/{quoted}")
    await store.put(a_key(), a_record())
    await store.close()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    reading = await open_to_read(store.url)
    assert reading is not None
    assert await reading.lookup(a_key()) is not None
    assert len(await reading.watch([a_key(number) for number in range(200)])) == 200
    with pytest.raises(StoreUnavailableError, match="read only"):
        await reading.put(a_key(), a_record())
    await reading.close()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [None, b""])
async def test_no_store_is_made_to_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "store.db"
    if content is not None:
        path.write_bytes(content)
    assert await open_to_read(f"sqlite:///{path}") is None
    assert [found.name for found in tmp_path.iterdir()] == ([] if content is None else ["store.db"])
    assert content is None or path.read_bytes() == content


async def test_what_is_no_store_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("no database " * 100)
    with pytest.raises(StoreUnavailableError, match="not an SQLite database"):
        await open_to_read(f"sqlite:///{path}")


async def test_a_store_is_read_while_another_process_writes(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/store.db")
    await store.put(a_key(), a_record())  # still in the write-ahead log only
    reading = await open_to_read(store.url)
    assert reading is not None
    assert await reading.lookup(a_key()) is not None
    await reading.close()
    await store.close()


async def test_memory_is_a_new_store_each_time() -> None:
    store = await open_store("memory://")
    await store.put(a_key(), a_record())
    await store.close()
    again = await open_store(store.url)
    assert await again.lookup(a_key()) is None
    await again.close()


@pytest.mark.parametrize(
    ("url", "sentence", "remedy"),
    [
        ("store.db", "'store.db' is no store URL", "sqlite:///store.db"),
        ("", "'' is no store URL", "sqlite:///"),
        ("postgres://host/db", "no store for postgres:// URLs", "postgresql://USER"),
        ("mysql+pymysql://host/db", "no store for mysql+pymysql:// URLs", "mysql://USER"),
        ("mysql://host", "names no database", "mysql://USER"),
        ("mysql://host:port/db", "'port' in mysql://host:port/db is no port", "mysql://USER"),
        ("mysql://host/db?sslmode=require", "unknown option 'sslmode'", "?ssl-mode="),
        ("mysql://host/db?ssl-mode=maybe", "'MAYBE'", "VERIFY_IDENTITY"),
        ("mysql://host/db?ssl-ca=/nowhere.pem", "certificate or key", "docs/databases.md"),
        ("postgresql://host/db?pool_size=0", "pool_size is '0'", "?pool_size="),
        ("postgresql://host/db?sslmode=maybe", "cannot be used", "docs/databases.md"),
        ("postgresql://user:pass#word@host/db", "written %XX", "%23"),
        ("https://host", "no store for https:// URLs", "sqlite:///FILE"),
        ("sqlite://", "names no file", "sqlite:////ABSOLUTE"),
        ("sqlite:///", "names no file", "sqlite:////ABSOLUTE"),
        ("sqlite://host/file", "names no file", "sqlite:////ABSOLUTE"),
        ("sqlite:///a%00b", "names no file", "sqlite:////ABSOLUTE"),
        ("sqlite:///:memory:", "in memory is no store", "memory://"),
        ("sqlite:///a.db?synchronous=off", "unknown option", "synchronous=full"),
        ("memory://a", "has none", "memory://"),
    ],
)
async def test_a_url_that_leads_nowhere_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, sentence: str, remedy: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        await open_store(url)
    assert sentence in str(caught.value)
    assert remedy in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_back_ends_are_imported_when_they_are_asked_for() -> None:
    program = (
        "import sys, asyncio; from stepcache.stores.opening import open_store;"
        "assert not {'sqlite3', 'stepcache.stores.memory', 'stepcache.stores.sql'} & set(sys.modules);"
        "asyncio.run(open_store('memory://')); assert 'sqlite3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:secret@host:1/db?sslmode=require", "postgresql://user@host:1/db?sslmode=require"),
        ("postgresql://user:secret@one:1,two:2/db?password=secret", "postgresql://user@one:1,two:2/db"),
        ("mysql://us%20er:sec%40ret@host/d%2Fb?pool_size=9", "mysql://us%20er@host/d%2Fb?pool_size=9"),
        ("mysql://host/db?unix_socket=/run/my.sock", "mysql://host/db?unix_socket=%2Frun%2Fmy.sock"),
    ],
)
def test_the_url_of_a_server_is_shown_without_password(url: str, shown: str) -> None:
    driver, _ = server(url)
    assert driver.address.shown == shown
    assert "sec" not in repr(driver.address)
    assert server(shown)[0].address.shown == shown


@pytest.mark.parametrize(("scheme", "package"), [("postgresql", "asyncpg"), ("mysql", "aiomysql")])
async def test_a_driver_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, scheme: str, package: str
) -> None:
    for name in [name for name in sys.modules if name.startswith(f"stepcache.stores.{scheme}")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=f"needs the package {package}") as caught:
        await open_store(f"{scheme}://host/db")
    assert caught.value.remedy == f"run: pip install 'stepcache[{scheme}]'"


def test_opening_a_store_on_a_server_does_not_import_sqlalchemy() -> None:
    program = (
        "import sys; from stepcache.stores.opening import server;"
        "server('postgresql://host/db'); server('mysql://host/db');"
        "import stepcache.stores.sql.opening; assert not {'sqlalchemy', 'alembic', 'tenacity'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
