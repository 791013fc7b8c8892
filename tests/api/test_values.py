"""What ``once``, ``put``, ``lookup`` and ``invalidate`` do with one value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import stepcache
from stepcache.stores.claim import Invalidated
from tests.api.programs import never

KEY = stepcache.key("key")


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1.5, "text ü", [], {}, [1, "two", None, {"three": [3.0]}], 2**70, b"", b"\x00\xff" * 1000],
    ids=repr,
)
def test_a_value_is_read_back_as_it_is(home: Path, value: Any) -> None:
    with stepcache.open(home=home) as cache:
        first = cache.once(KEY, lambda: value)
        assert (first.value, first.reused) == (value, False)
        assert first.entry.key == KEY
    with stepcache.open(home=home) as cache:
        again = cache.once(KEY, never)
        assert (again.value, again.reused) == (value, True)
        assert type(again.value) is type(value)
        assert again.entry.id == first.entry.id


def test_a_path_moves_into_the_artifact_store(cache: stepcache.BlockingCache, tmp_path: Path) -> None:
    def produce() -> Path:
        directory = tmp_path / "model"
        directory.mkdir()
        (directory / "weights").write_text("1 2 3")
        return directory

    first = cache.once(KEY, produce)
    assert not (tmp_path / "model").exists()
    assert (first.value / "weights").read_text() == "1 2 3"
    again = cache.once(KEY, never)
    assert (again.value, again.reused) == (first.value, True)
    handed_on = cache.once(stepcache.key("part"), lambda: again.value / "weights")
    assert handed_on.value.read_text() == "1 2 3"
    assert cache.once(KEY, never).reused  # what was handed on is still part of the first


@pytest.mark.parametrize("value", [{1, 2}, object(), (1, 2), float("nan"), {1: 2}], ids=repr)
def test_what_would_not_be_read_back_as_it_is_is_refused_and_not_stored(
    cache: stepcache.BlockingCache, value: Any
) -> None:
    with pytest.raises(stepcache.InputError, match="JSON"):
        cache.once(KEY, lambda: value)
    assert cache.lookup(KEY) is None
    assert cache.once(KEY, lambda: "fine").reused is False


def test_an_error_of_produce_is_the_callers_and_is_not_cached(cache: stepcache.BlockingCache) -> None:
    def fail() -> str:
        raise ZeroDivisionError("no such luck")

    with pytest.raises(ZeroDivisionError, match="no such luck"):
        cache.once(KEY, fail)
    assert cache.once(KEY, lambda: "fine").value == "fine"


def test_ctrl_c_while_producing_gives_the_claim_back(cache: stepcache.BlockingCache) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.once(KEY, interrupted)
    assert cache.once(KEY, lambda: "fine").value == "fine"


def test_lookup_executes_nothing(cache: stepcache.BlockingCache) -> None:
    assert cache.lookup(KEY) is None
    cache.once(KEY, lambda: b"value")
    found = cache.lookup(KEY)
    assert found is not None
    assert (found.value, found.reused) == (b"value", True)
    assert cache.lookup(KEY, max_staleness=0) is None


def test_put_lets_a_fresh_entry_stand(cache: stepcache.BlockingCache) -> None:
    assert cache.put(KEY, "first").stored
    second = cache.put(KEY, "second")
    assert not second.stored
    assert cache.once(KEY, never).value == "first"
    assert cache.put(stepcache.key("other"), "first", entry_max_staleness="P0D").stored
    assert cache.put(stepcache.key("other"), "second").stored


def test_invalidate_withdraws_and_says_what_there_was(cache: stepcache.BlockingCache) -> None:
    assert cache.invalidate(KEY) == Invalidated(entry=False, claim=False)
    cache.put(KEY, 1)
    assert cache.invalidate(KEY) == Invalidated(entry=True, claim=False)
    assert cache.lookup(KEY) is None
    assert cache.once(KEY, lambda: 2).reused is False


def test_staleness_is_per_call_and_per_entry(cache: stepcache.BlockingCache) -> None:
    cache.once(KEY, lambda: 1)
    assert cache.once(KEY, never, max_staleness="P1D").value == 1
    refreshed = cache.once(KEY, lambda: 2, max_staleness="P0D")
    assert (refreshed.value, refreshed.reused) == (2, False)
    cache.once(KEY, lambda: 3, max_staleness=0, entry_max_staleness=0)  # stored, but nobody may reuse it
    assert cache.once(KEY, lambda: 4).value == 4
    for wrong in ("tomorrow", "P", float("nan")):
        with pytest.raises(stepcache.InputError, match="is not a duration"):
            cache.once(KEY, never, max_staleness=wrong)


@pytest.mark.parametrize("key", ["", "short", "A" * 64, " " + "a" * 63, "g" * 64])
def test_a_key_is_64_hex_digits(cache: stepcache.BlockingCache, key: str) -> None:
    with pytest.raises(stepcache.InputError, match="no cache key"):
        cache.once(key, never)


def test_damaged_bytes_are_produced_anew(cache: stepcache.BlockingCache, home: Path) -> None:
    cache.once(KEY, lambda: b"good" * 1000)
    (stored,) = [path for path in (home / "artifacts" / "objects").rglob("*") if path.is_file()]
    stored.chmod(0o644)
    stored.write_bytes(b"evil" * 1000)
    assert cache.lookup(KEY) is None
    again = cache.once(KEY, lambda: b"good" * 1000)
    assert (again.value, again.reused) == (b"good" * 1000, False)
    assert cache.once(KEY, never).reused
