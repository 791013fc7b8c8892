"""A pipeline with artifacts, and a home in which time has passed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from stepcache.artifacts.content import describe
from tests.pipelines.compiled import Step, pipeline_input, write

DAY = 86400.0
PRODUCE = """
def produce(number: int, data: Output[Artifact], folder: Output[Artifact]):
    import os
    with open(data.path, "w") as file:
        file.write(f"{number} " * 1000)
    os.makedirs(f"{folder.path}/inner")
    with open(f"{folder.path}/inner/file", "w") as file:
        file.write(f"{number}")
"""
CONSUME = """
def consume(data: Input[Artifact], folder: Input[Artifact], copy: Output[Artifact]) -> int:
    with open(data.path) as file, open(copy.path, "w") as other:
        words = file.read().split()
        other.write(f"copy of {words[0]}")
    with open(f"{folder.path}/inner/file") as file:
        assert words == [file.read()] * 1000
    return int(words[0])
"""


def pipeline(path: Path) -> Path:
    """Two tasks: one makes a file and a directory of its ``number``, the other reads both and leaves a file."""
    return write(
        path,
        Step(
            "produce",
            PRODUCE,
            {"number": pipeline_input("NUMBER_INTEGER", "number")},
            output_artifacts=("data", "folder"),
        ),
        Step(
            "consume",
            CONSUME,
            artifacts={name: ("produce", name) for name in ("data", "folder")},
            outputs={"Output": "NUMBER_INTEGER"},
            output_artifacts=("copy",),
        ),
        inputs={"number": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1, "isOptional": True}},
        outputs={"result": "consume.Output"},
    )


def execute(home: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Run a statement in the store as another program would."""
    with closing(sqlite3.connect(home / "stepcache.db", timeout=10)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def let_pass(home: Path, days: float) -> None:
    """Make everything in the store so much older."""
    execute(home, "UPDATE execution_details SET used_at = used_at - ?", round(days * DAY * 1000))
    execute(home, "UPDATE execution_claims SET released_at = released_at - ?", round(days * DAY * 1000))
    execute(home, "UPDATE runs SET finished_at = finished_at - ? WHERE finished_at > 0", days * DAY)


def entries(home: Path) -> int:
    ((count,),) = execute(home, "SELECT COUNT(*) FROM execution_caches")
    assert isinstance(count, int)
    return count


def objects(home: Path) -> set[str]:
    """The names of all objects; each is what its name says."""
    found = set()
    for path in (home / "artifacts" / "objects").glob("*/*"):
        assert describe(path).digest == path.name.removesuffix(".dir")
        found.add(path.name)
    return found


def referenced(homes: Iterable[Path]) -> set[str]:
    """The names of all objects that entries refer to."""
    texts = [text for home in homes for (text,) in execute(home, "SELECT ExecutionOutput FROM execution_caches")]
    artifacts = [artifact for text in texts for artifact in json.loads(str(text)).get("artifacts", ())]
    return {f"{digest}.dir" if kind == "directory" else digest for digest, _, kind in artifacts}


def files(directory: Path) -> dict[str, float]:
    """Every file below, and when it was changed."""
    return {str(path): path.lstat().st_ctime for path in directory.rglob("*")}
