"""What a program's cache answered, while ``stepcache gc`` collects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import stepcache
from tests.cli.collected import let_pass, objects

KEY = stepcache.key("key")


def collect(home: Path) -> None:
    let_pass(home, 31)
    command = [sys.executable, "-m", "stepcache", "--home", str(home), "gc", "--older-than", "P30D"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made"
    path.mkdir()
    (path / "file").write_text("content")
    return path


def test_what_was_produced_stays_until_the_cache_is_closed(home: Path, made: Path) -> None:
    with stepcache.open(home=home) as cache:
        path = cache.once(KEY, lambda: made).value
        collect(home)
        assert cache.lookup(KEY) is None
        assert (path / "file").read_text() == "content"
    collect(home)
    assert (path / "file").read_text() == "content"  # no entry refers to it any more, but it is younger than a day


def test_what_was_reused_stays_until_the_cache_is_closed(home: Path, made: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.once(KEY, lambda: made)
    with stepcache.open(home=home) as cache:
        found = cache.lookup(KEY)
        assert found is not None
        collect(home)
        assert cache.lookup(KEY) is None
        assert (found.value / "file").read_text() == "content"


def test_what_nobody_uses_goes(home: Path, made: Path) -> None:
    with stepcache.open(home=home) as cache:
        path = cache.once(KEY, lambda: made).value
    collect(home)
    assert not path.exists()
    assert objects(home) == set()
    with stepcache.open(home=home) as cache:
        assert cache.once(KEY, lambda: 1).value == 1
