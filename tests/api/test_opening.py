"""Where a cache is, and which artifact store belongs to it."""

from __future__ import annotations

from pathlib import Path

import pytest

import stepcache
from tests.api.programs import line, never, programs, tell

KEY = stepcache.key("key")


def test_everything_is_below_the_home(home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
    assert {path.name for path in home.iterdir()} >= {"stepcache.db", "artifacts"}
    assert {path.name for path in home.parent.iterdir()} == {"home"}


def test_places_come_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPCACHE_HOME", str(home))
    with stepcache.open() as cache:
        cache.put(KEY, "x")
    assert (home / "stepcache.db").exists()


def test_store_and_artifacts_may_be_elsewhere(tmp_path: Path) -> None:
    url, artifacts = f"sqlite:///{tmp_path}/a.db", tmp_path / "b"
    with stepcache.open(url, artifacts=artifacts, home=tmp_path / "home") as cache:
        cache.put(KEY, b"x")
    assert (tmp_path / "a.db").exists()
    assert (artifacts / "objects").is_dir()
    with stepcache.open(url, artifacts=str(artifacts)) as cache:
        assert cache.once(KEY, never).value == b"x"


def test_another_artifact_location_is_refused_and_not_made(tmp_path: Path, home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
    with pytest.raises(stepcache.InputError, match="keeps its outputs at") as error:
        stepcache.open(home=home, artifacts=tmp_path / "other")
    assert str(home / "artifacts") in error.value.remedy
    assert not (tmp_path / "other").exists()
    with stepcache.open(home=home) as cache:
        assert cache.lookup(KEY) is not None


def test_artifacts_that_are_not_mounted_are_unavailable_and_no_miss(home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
    mounted = home / "artifacts"
    mounted.rename(home / "unmounted")
    for made in (False, True):
        if made:
            mounted.mkdir()
        with pytest.raises(stepcache.ArtifactStoreUnavailableError, match="is not there"):
            stepcache.open(home=home)
    mounted.rmdir()
    (home / "unmounted").rename(mounted)
    with stepcache.open(home=home) as cache:
        assert cache.once(KEY, never).value == b"x"


def test_artifacts_that_go_away_while_the_cache_is_open_are_unavailable_and_no_miss(home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
        (home / "artifacts").rename(home / "unmounted")
        for ask in (lambda: cache.lookup(KEY), lambda: cache.once(KEY, never), lambda: cache.put(KEY, b"y")):
            with pytest.raises(stepcache.ArtifactStoreUnavailableError):
                ask()
        (home / "unmounted").rename(home / "artifacts")
        assert cache.once(KEY, never).value == b"x"


def test_another_artifact_store_at_the_same_place_is_refused(tmp_path: Path, home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
    with stepcache.open(home=tmp_path / "second") as cache:
        cache.put(KEY, b"x")
    (home / "artifacts").rename(home / "away")
    (tmp_path / "second" / "artifacts").rename(home / "artifacts")
    with pytest.raises(stepcache.ArtifactStoreUnavailableError, match="is another artifact store"):
        stepcache.open(home=home)


def test_artifacts_may_be_moved_if_a_link_is_left(home: Path, tmp_path: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
    (home / "artifacts").rename(tmp_path / "moved")
    (home / "artifacts").symlink_to(tmp_path / "moved")
    path = tmp_path / "file"
    path.write_text("y")
    with stepcache.open(home=home) as cache:
        assert cache.once(KEY, never).value == b"x"
        assert cache.once(stepcache.key("more"), lambda: path).value.read_text() == "y"


def test_a_place_that_holds_something_else_is_refused(tmp_path: Path, home: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(stepcache.InputError, match=r"is no artifact store and is not empty"):
        stepcache.open(home=home, artifacts=tmp_path)


def test_many_processes_may_open_a_new_store_at_once(home: Path) -> None:
    with programs(6, "open_anew", home, KEY) as started:
        assert [line(program) for program in started] == ["ready"] * 6
        for program in started:
            tell(program)
        assert [line(program) for program in started] == ["True"] * 6


def test_a_store_that_cannot_be_used_is_an_error(tmp_path: Path, home: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    with pytest.raises(stepcache.StoreUnavailableError, match=r"broken\.db"):
        stepcache.open(f"sqlite:///{tmp_path}/broken.db", home=home)
    with pytest.raises(stepcache.InputError, match="no store for"):
        stepcache.open("redis://localhost", home=home)
    with pytest.raises(stepcache.InputError, match="lease"):
        stepcache.open(home=home, lease=-1)


def test_a_store_in_memory_is_forgotten(home: Path) -> None:
    for _ in range(2):
        with stepcache.open("memory://", home=home) as cache:
            assert cache.once(KEY, lambda: 1).reused is False
            assert cache.once(KEY, never).reused
