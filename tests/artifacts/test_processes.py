"""One artifact store and many processes, killed ones among them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepcache.artifacts.artifact import Artifact, Kind, Verdict
from stepcache.artifacts.content import describe
from stepcache.artifacts.local import LocalArtifactStore
from tests.artifacts import worker
from tests.artifacts.trees import grow

Worker = subprocess.Popen[str]

_REPOSITORY = Path(__file__).parents[2]


@contextmanager
def workers(count: int, work: str, root: Path) -> Iterator[list[Worker]]:
    """Processes that are ready to begin; all are gone at the end of the block."""
    command = [sys.executable, "-m", "tests.artifacts.worker", work, str(root)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_REPOSITORY)
        for _ in range(count)
    ]
    try:
        for process in started:
            assert _line(process) == "ready"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _begin(process: Worker) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _line(process: Worker) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _all_lines(started: list[Worker]) -> list[list[str]]:
    for process in started:
        _begin(process)
    lines = [process.communicate(timeout=120)[0].split() for process in started]
    assert [process.returncode for process in started] == [0] * len(started)
    return lines


def test_many_processes_may_create_a_root_at_once(tmp_path: Path) -> None:
    root = tmp_path / "a" / "root"
    with workers(8, "open_root", root) as started:
        identities = {identity for (identity,) in _all_lines(started)}
    assert len(identities) == 1
    assert [path.name for path in root.iterdir()] == ["stepcache-artifacts.json"]


def test_many_processes_may_store_the_same_directory(root: Path) -> None:
    with workers(6, "store_directories", root) as started:
        answers = _all_lines(started)
    assert answers == answers[:1] * 6
    objects = _objects(root)
    assert len(objects) == len(set(answers[0])) == 2 * worker.ROUNDS
    store = LocalArtifactStore.open(root)
    assert {store.verify(artifact) for artifact in objects} == {Verdict.INTACT}
    store.sweep()
    assert list((root / "scratch").iterdir()) == []


def _objects(root: Path) -> list[Artifact]:
    """Everything in the store by what it is named; it has to be that."""
    found = []
    for path in (root / "objects").glob("*/*"):
        artifact = describe(path)
        suffix = ".dir" if artifact.kind is Kind.DIRECTORY else ""
        assert path.name == f"{artifact.digest}{suffix}"
        found.append(artifact)
    return found


def test_a_process_killed_in_the_middle_leaves_nothing_half_written(root: Path) -> None:
    """Whenever it dies, what stands under a digest is what the digest says, and the next process goes on."""
    seed = random.randrange(2**32)
    print("seed", seed)  # shown when the test fails
    when = random.Random(seed)
    interrupted = 0
    with workers(12, "store_for_ever", root) as started:
        for process in started:
            _begin(process)
            for _ in range(when.randrange(1, 4)):
                _line(process)
            time.sleep(when.random() * 0.03)  # into the middle of whatever it does then
            process.kill()
            process.wait()
            interrupted += any((root / "scratch").iterdir())
            _objects(root)
            assert LocalArtifactStore.open(root).sweep() == 1 or not any((root / "scratch").iterdir())
            assert not any((root / "scratch").iterdir())
    assert interrupted
    assert len(_objects(root)) > 2


def test_only_the_scratch_of_the_dead_is_swept(root: Path, store: LocalArtifactStore) -> None:
    mine = store.scratch()
    with workers(3, "make_scratch", root) as started:
        made = []
        for process in started:
            _begin(process)
            made.append(Path(_line(process)))
        assert store.sweep() == 0
        started[0].kill()
        started[0].wait()
        os.kill(started[1].pid, 9)  # not waited for: a zombie
        assert os.waitid(os.P_PID, started[1].pid, os.WEXITED | os.WNOWAIT)
        assert store.sweep() == 2
        assert [path.exists() for path in made] == [False, False, True]
        assert (made[2] / "half" / "deep" / "file").read_text() == "x"
        assert mine.is_dir()
        assert store.sweep() == 0


def test_a_process_id_that_was_given_out_again_does_not_save_the_scratch_of_the_dead(
    root: Path, store: LocalArtifactStore
) -> None:
    mine = store.scratch()
    host, pid, started, _ = mine.name.split(".")
    earlier = mine.with_name(f"{host}.{pid}.{int(started) - 1}.0123")
    earlier.mkdir()
    assert store.sweep() == 1
    assert mine.is_dir()
    assert not earlier.exists()


@pytest.mark.parametrize(
    "name",
    ["01234567.999999999.1.0123", ".999999999.1.0123", "{host}.pid.1.0123", "{host}.999999999.1", "something else"],
)
def test_what_cannot_be_told_to_be_of_the_dead_stays(root: Path, store: LocalArtifactStore, name: str) -> None:
    """It may belong to another machine that uses the same share."""
    host = store.scratch().name.split(".")[0]
    kept = root / "scratch" / name.format(host=host)
    kept.mkdir()
    assert store.sweep() == 0
    assert kept.is_dir()


def test_two_may_sweep_at_once(root: Path, store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another one removes in the middle of the own removal is no error."""
    scratch = store.scratch()
    grow(scratch / "half", {"deep": {"file": "x"}})
    host, pid, started, token = scratch.name.split(".")
    dead = scratch.rename(scratch.with_name(f"{host}.{pid}.{int(started) - 1}.{token}"))
    chmod = Path.chmod

    def overtaken(path: Path, mode: int) -> None:
        monkeypatch.setattr(Path, "chmod", chmod)
        assert LocalArtifactStore.open(root).sweep() == 1
        chmod(path, mode)

    monkeypatch.setattr(Path, "chmod", overtaken)
    store.sweep()
    assert not dead.exists()


def test_nothing_to_sweep_is_no_error(store: LocalArtifactStore) -> None:
    assert store.sweep() == 0
