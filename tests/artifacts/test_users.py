"""Which stores keep their outputs here."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepcache import api
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.settings import Settings


def test_a_store_is_noted_once(root: Path, store: LocalArtifactStore) -> None:
    store.register("a" * 32, "sqlite:///one.db")
    store.register("a" * 32, "sqlite:///moved.db")
    store.register("b" * 32, "sqlite:///two.db")
    assert store.collection().users() == {"a" * 32: "sqlite:///one.db", "b" * 32: "sqlite:///two.db"}
    assert len(list((root / "users").iterdir())) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", "no JSON"])
def test_an_unreadable_note_is_of_a_store_all_the_same(root: Path, store: LocalArtifactStore, text: str) -> None:
    store.register("a" * 32, "sqlite:///one.db")
    (root / "users" / ("a" * 32)).write_text(text)
    assert list(store.collection().users()) == ["a" * 32]


def test_nobody_is_noted_at_first(store: LocalArtifactStore) -> None:
    assert store.collection().users() == {}


@pytest.mark.parametrize(("url", "count"), [("sqlite:///{}/store.db", 1), ("memory://", 0)])
async def test_opening_a_cache_notes_its_store(tmp_path: Path, url: str, count: int) -> None:
    """What a store in memory has ends with the pins of its process."""
    settings = Settings.resolve({}, home=tmp_path, store=url.format(tmp_path))
    for _ in range(2):
        async with api.opened(settings) as cache:
            assert isinstance(cache.artifacts, LocalArtifactStore)
            assert len(cache.artifacts.collection().users()) == count
