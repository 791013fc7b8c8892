"""From a URL to a store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stepcache.errors import InputError
from stepcache.stores.opening import open_store
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
        ("postgresql://host/db", "no store for postgresql:// URLs", "sqlite:///FILE"),
        ("mysql://host/db", "no store for mysql:// URLs", "sqlite:///FILE"),
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
        "assert not {'sqlite3', 'stepcache.stores.memory'} & set(sys.modules);"
        "asyncio.run(open_store('memory://')); assert 'sqlite3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
