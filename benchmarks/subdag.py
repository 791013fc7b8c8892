"""What it costs to reuse a nested DAG as a whole, beside the same tasks one by one, in the same run.

    python benchmarks/subdag.py [--json] [--rounds 9]

Each measurement is a process of its own, which reads the pipeline and then, several times, opens the cache, runs
and closes it again, timed by the processor time of all its threads. The least of all counts, since other work on
the machine only adds to it. What a run of one task costs is taken off both sides. Ratios of one run matter, not the
figures of one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from stepcache.stores.opening import FullStore

TASKS = 200
RUNS = 5
"""Of each process."""
PIPELINES = """
from kfp import compiler, dsl

@dsl.component(base_image="python:3.11", install_kfp_package=False)
def add(number: int) -> int:
    return number + 1

def chained(number, length):
    for _ in range(length):
        number = add(number=number).output
    return number

def flat(length: int):
    @dsl.pipeline(name=f"flat-{length}")
    def pipeline(start: int = 0) -> int:
        return chained(start, length)
    return pipeline

def nested(length: int):
    @dsl.pipeline(name=f"inner-{length}")
    def inner(start: int = 0) -> int:
        return chained(start, length)
    @dsl.pipeline(name=f"nested-{length}")
    def pipeline(start: int = 0) -> int:
        return inner(start=start).output
    return pipeline

for length in LENGTHS:
    for shape in (flat, nested):
        compiler.Compiler().compile(shape(length), f"{shape.__name__}-{length}.yaml")
"""


async def run(home: Path, file: Path) -> dict[str, float]:
    """The shortest of some runs, and how many tasks of the last were reused."""
    from stepcache import api
    from stepcache.pipelines import arguments, loading
    from stepcache.pipelines.engine import Engine, Options
    from stepcache.pipelines.kept_specs import KeptSpecs
    from stepcache.pipelines.root_inputs import Given
    from stepcache.settings import Settings

    kept = KeptSpecs(home / "pipelines")
    pipeline = loading.load(file, kept)
    kept.write()
    settings = Settings.resolve({}, home=home)
    seconds = []
    for _ in range(RUNS):
        began = time.process_time()
        async with api.opened(settings) as cache:
            inputs = arguments.resolve(pipeline.root, Given())
            engine = Engine(cache, cast("FullStore", cache.store), home)
            result = await engine.run(pipeline, inputs, source=file.name, options=Options())
        seconds.append(time.process_time() - began)
    whole = sum(task.tasks for task in result.tasks)
    hits = sum(task.result == "hit" for task in result.tasks if not task.tasks)
    return {"seconds": min(seconds), "whole": whole, "hits": hits}


def measure(directory: Path, rounds: int) -> dict[str, float]:
    lengths = (1, TASKS)
    (directory / "pipelines.py").write_text(PIPELINES.replace("LENGTHS", repr(lengths)))
    subprocess.run([sys.executable, "-W", "ignore", "pipelines.py"], cwd=directory, check=True)
    names = [f"{shape}-{length}" for length in lengths for shape in ("flat", "nested")]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 2):  # the first executes, the second stores the DAG if the first found it executed
        for name in names:
            found = json.loads(
                subprocess.run(
                    [sys.executable, __file__, "--one", directory / "home", directory / f"{name}.yaml"],
                    capture_output=True,
                    check=True,
                ).stdout
            )
            if number >= 2:
                length = int(name.rpartition("-")[2])
                expected = length if name == f"nested-{TASKS}" else 0
                if (found["hits"], found["whole"]) != (length, expected):
                    raise AssertionError(f"{name}: {found}")
                seconds[name].append(found["seconds"])
    least = {name: min(values) for name, values in seconds.items()}
    whole = least[f"nested-{TASKS}"] - least["nested-1"]
    each = least[f"flat-{TASKS}"] - least["flat-1"]
    return {"as a whole": whole, "one by one": each, "ratio": whole / each, "limit": 1 / 5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=9, help="how often everything is timed (default: 9)")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        gc.set_threshold(100_000)  # as the command does
        print(json.dumps(asyncio.run(run(*arguments.one))))
        return
    with tempfile.TemporaryDirectory(prefix="stepcache-bench-") as directory:
        figures = measure(Path(directory), arguments.rounds)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"a DAG of {TASKS} tasks, as a whole / one by one: {figures['ratio']:.2f} (at most 0.20;", end=" ")
    print(f"{figures['as a whole'] * 1000:.1f} ms beside {figures['one by one'] * 1000:.1f} ms)")


if __name__ == "__main__":
    main()
