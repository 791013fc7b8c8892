"""A process that uses an artifact store as its first argument says; its second is the store's root.

It says a line when it has started, and begins at the first line that it reads.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from stepcache.artifacts.local import LocalArtifactStore
from tests.artifacts.trees import MODEL, grow

ROUNDS = 20
DATA = "a line of a large file\n" * 20_000


def open_root(root: Path) -> None:
    """Open, or make, the store; say its identity."""
    say(LocalArtifactStore.open(root).identity)


def store_directories(root: Path) -> None:
    """Store the same directories, and files, as every other worker."""
    store = LocalArtifactStore.open(root)
    for number in range(ROUNDS):
        made = grow(store.scratch() / "made", MODEL | {"number": str(number)})
        say(store.ingest(made).digest)
        say(store.ingest_bytes(b"%d" % number).digest)


def store_for_ever(root: Path) -> None:
    """Store large files and directories until killed; some are moved, some copied."""
    store = LocalArtifactStore.open(root)
    for number in itertools.count():
        say(str(number))
        text = f"{number}\n{DATA}"
        made = grow(store.scratch() / "made", {"a": text, "b": {"c": text, "d": text}})
        (made / "e").hardlink_to(made / "a")
        store.ingest(made)
        store.ingest_bytes(text.encode())


def make_scratch(root: Path) -> None:
    """Make a scratch directory with something in it, and wait."""
    scratch = LocalArtifactStore.open(root).scratch()
    grow(scratch / "half", {"deep": {"file": "x"}})
    (scratch / "half" / "deep").chmod(0o500)
    say(str(scratch))
    sys.stdin.readline()


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    work = globals()[sys.argv[1]]
    say("ready")
    sys.stdin.readline()
    work(Path(sys.argv[2]))
