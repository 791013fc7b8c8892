"""What processes rely on, and the gate before it."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stepcache.artifacts import gate
from stepcache.artifacts.all_pins import OTHERS_LAST, AllPins
from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.errors import ArtifactStoreUnavailableError, InputError

ONE = Artifact("1" * 64, 1)
TREE = Artifact("2" * 64, 1, Kind.DIRECTORY)
REPOSITORY = Path(__file__).parents[2]


def names(root: Path) -> set[str]:
    return AllPins(root / "pins").names()


def files(root: Path) -> list[Path]:
    return [path for path in (root / "pins").iterdir() if path.name != "gate"]


def pinning(root: Path, digest: str) -> subprocess.Popen[str]:
    """A process that has pinned an artifact, and waits."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom stepcache.artifacts.artifact import Artifact\n"
        "from stepcache.artifacts.local import LocalArtifactStore\n"
        "store = LocalArtifactStore.open(Path(sys.argv[1]))\nstore.pin([Artifact(sys.argv[2], 1)])\n"
        "print('pinned', flush=True)\nsys.stdin.readline()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(root), digest],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "pinned\n"
    return process


def test_what_is_pinned_is_seen_until_the_store_is_closed(root: Path, store: LocalArtifactStore) -> None:
    assert names(root) == set()
    assert store.pin([ONE, TREE])
    assert names(root) == {ONE.digest, f"{TREE.digest}.dir"}
    store.close()
    store.close()
    assert names(root) == set()
    assert files(root) == []
    assert store.pin([ONE])
    assert names(root) == {ONE.digest}


def test_what_is_ingested_is_pinned(root: Path, store: LocalArtifactStore) -> None:
    artifact = store.ingest_bytes(b"content")
    assert names(root) == {artifact.digest}
    store.close()
    assert store.ingest_bytes(b"content") == artifact  # it is there already
    assert names(root) == {artifact.digest}


def test_a_store_that_is_only_read_pins_nothing(root: Path, store: LocalArtifactStore) -> None:
    reader = LocalArtifactStore.open(root, store.identity, read_only=True)
    assert reader.pin([ONE])
    assert not (root / "pins").exists()


def test_nothing_is_made_for_pins_where_no_store_is_mounted(root: Path, store: LocalArtifactStore) -> None:
    (root / "stepcache-artifacts.json").unlink()
    with pytest.raises(ArtifactStoreUnavailableError):
        store.pin([ONE])
    assert list(root.iterdir()) == []


def test_each_artifact_is_noted_once(
    root: Path, store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        store.pin([ONE, ONE])
        store.pin([])
    (file,) = files(root)
    assert file.read_text().split() == [ONE.digest, ONE.digest]
    monkeypatch.setattr(fcntl, "flock", lambda *_: pytest.fail("a system call for what is pinned"))
    assert store.pin([ONE])


def test_the_pins_of_a_dead_process_are_swept(root: Path, store: LocalArtifactStore) -> None:
    store.pin([ONE])
    process = pinning(root, "3" * 64)
    collection = store.collection()
    assert collection.sweep_pins() == 0
    assert names(root) == {ONE.digest, "3" * 64}
    process.kill()
    process.communicate()
    assert collection.sweep_pins() == 1
    assert names(root) == {ONE.digest}


def test_a_process_that_ends_by_itself_leaves_no_pins(root: Path, store: LocalArtifactStore) -> None:
    process = pinning(root, "3" * 64)
    process.communicate("\n")
    assert process.returncode == 0
    assert files(root) == []


def test_a_forked_child_begins_its_own_pins_and_leaves_its_parents(root: Path, store: LocalArtifactStore) -> None:
    store.pin([ONE])
    child = os.fork()
    if not child:
        code = 1
        try:
            store.pin([TREE])
            code = 0 if len(files(root)) == 2 else 2
            store.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert names(root) == {ONE.digest}
    assert store.collection().sweep_pins() == 0


def test_the_pins_of_another_machine_count_for_a_day(root: Path, store: LocalArtifactStore) -> None:
    store.pin([ONE])
    other = root / "pins" / "another-boot.1.0123"
    other.write_text(f"\n{'3' * 64}\n")
    collection = store.collection()
    assert collection.sweep_pins() == 0
    assert names(root) == {ONE.digest, "3" * 64}
    os.utime(other, times=(0, time.time() - OTHERS_LAST - 60))
    assert collection.sweep_pins() == 1
    assert not other.exists()


@pytest.mark.parametrize("text", ["", "\n", "\n" + "3" * 64, "\n" + "3" * 63 + "\n", "\n" + "3" * 65 + "\n"])
def test_what_was_not_written_to_its_end_is_no_pin(root: Path, store: LocalArtifactStore, text: str) -> None:
    store.pin([ONE])
    (file,) = files(root)
    all_pins = AllPins(root / "pins")
    with file.open("a") as end:
        end.write(text)
    assert all_pins.names() == {ONE.digest}
    store.pin([TREE])
    assert all_pins.names() >= {ONE.digest, f"{TREE.digest}.dir"}


def test_pins_are_read_on_from_where_they_ended(root: Path, store: LocalArtifactStore) -> None:
    all_pins = AllPins(root / "pins")
    store.pin([ONE])
    assert all_pins.names() == {ONE.digest}
    store.pin([TREE])
    assert all_pins.names() == {ONE.digest, f"{TREE.digest}.dir"}
    store.close()
    assert all_pins.names() == set()


def test_nobody_pins_while_the_gate_is_closed(root: Path, store: LocalArtifactStore) -> None:
    other = LocalArtifactStore.open(root)
    pinned = threading.Event()

    def pin() -> None:
        store.pin([ONE])
        pinned.set()

    thread = threading.Thread(target=pin)
    with other.collection().closed() as before:
        assert before == set()
        assert not store.pin([ONE], wait=False)
        thread.start()
        assert not pinned.wait(0.05)
        assert not store.pin([TREE], wait=False)  # nor beside a thread that waits
        assert names(root) == set()
    thread.join()
    assert names(root) == {ONE.digest}
    assert store.pin([TREE], wait=False)


def test_a_gate_that_stays_closed_is_told(
    root: Path, store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PATIENCE", 0.05)
    with LocalArtifactStore.open(root).collection().closed():
        with pytest.raises(ArtifactStoreUnavailableError, match="has been closed") as caught:
            store.pin([ONE])
        assert "gc" in caught.value.remedy
    assert store.pin([ONE])


def test_a_killed_collector_opens_the_gate(root: Path, store: LocalArtifactStore) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom stepcache.artifacts.local import LocalArtifactStore\n"
        "with LocalArtifactStore.open(Path(sys.argv[1])).collection().closed():\n"
        "    print('closed', flush=True)\n    sys.stdin.readline()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "closed\n"
    assert not store.pin([ONE], wait=False)
    process.kill()
    process.communicate()
    assert store.pin([ONE], wait=False)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_nothing_is_pinned_and_nothing_collected(
    root: Path, store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert store.pin([ONE])
    assert store.ingest_bytes(b"content").size == 7
    with pytest.raises(InputError, match="no file locks") as caught:
        store.collection().check_locks()
    assert "--entries-only" in caught.value.remedy


def test_pins_that_cannot_be_written_are_told(
    root: Path, store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.pin([ONE])
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    with pytest.raises(ArtifactStoreUnavailableError, match="space"):
        store.pin([TREE])
    monkeypatch.undo()
    assert store.pin([TREE])
    assert names(root) == {ONE.digest, f"{TREE.digest}.dir"}
