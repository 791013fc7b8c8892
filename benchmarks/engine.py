"""What a run costs, beside kfp.local and a bare ``sqlite3`` look-up in the same run.

    python benchmarks/engine.py [--json] [--rounds 5]

Whole processes are timed, in turns, and medians of the rounds compared: ratios of one run matter, not the figures
of one machine. One more hit or step is the difference of two longer times, which other work may change by more than
that: it is taken within a round, between the medians of several tries. "Chained" components each take what the one
before put out.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

PIPELINES = """
from kfp import compiler, dsl

@dsl.component(base_image="python:3.11", install_kfp_package=False)
def add(number: int) -> int:
    return number + 1

@dsl.component(base_image="python:3.11", install_kfp_package=False)
def rest(number: int) -> int:
    import time
    time.sleep(1)
    return number

def chain(length: int):
    @dsl.pipeline(name=f"chain-{length}")
    def chained(start: int = 0) -> int:
        number = add(number=start)
        for _ in range(length - 1):
            number = add(number=number.output)
        return number.output
    return chained

@dsl.pipeline(name="independent")
def independent(start: int = 0):
    for number in range(20):
        rest(number=number)
"""
COMPILE = """
for length in (20, 40, 200, 400):
    compiler.Compiler().compile(chain(length), f"chain-{length}.yaml")
compiler.Compiler().compile(independent, "independent.yaml")
"""
LOCAL = """
import sys
from kfp import local
length, cached = int(sys.argv[1]), sys.argv[2] == "cached"
options = {"enable_caching": True, "cache_root": "kfp-cache"} if cached else {}
local.init(local.SubprocessRunner(use_venv=False), pipeline_root="kfp-root", **options)
chain(length)(start=int(sys.argv[3]))
"""


TRIES = 7
COLD_TRIES = 3


class Bench:
    """Times commands in one directory."""

    def __init__(self, directory: Path, rounds: int) -> None:
        self._directory = directory
        self._rounds = rounds
        self._start = 1_000_000
        (directory / "pipelines.py").write_text(PIPELINES + COMPILE)
        (directory / "peer.py").write_text(PIPELINES + LOCAL)
        self._timed([sys.executable, "-W", "ignore", "pipelines.py"])

    def ours(self, pipeline: str, start: int, *options: str) -> float:
        """Seconds of one run."""
        command = [sys.executable, "-m", "stepcache", "--home", "home", "run", f"{pipeline}.yaml"]
        return self._timed([*command, "-p", f"start={start}", *options])

    def ours_anew(self, length: int) -> float:
        """Seconds of a run that reuses nothing: each starts from another number."""
        self._start += 1000
        return self.ours(f"chain-{length}", self._start)

    def theirs(self, length: int, start: int, *, cached: bool) -> float:
        """Seconds of one run under kfp.local."""
        words = [str(length), "cached" if cached else "plain", str(start)]
        return self._timed([sys.executable, "-W", "ignore", "peer.py", *words])

    def import_kfp(self) -> float:
        """Seconds that a process takes which imports kfp."""
        return self._timed([sys.executable, "-c", "import kfp"])

    def rounds(self, measures: Mapping[str, Callable[[], float]], tries: int = 1) -> list[dict[str, float]]:
        """What each of ``measures`` took in each round: the median of so many tries.

        What is compared is timed in turns, so that a machine whose speed changes changes all of it.
        """
        found = []
        for _ in range(self._rounds):
            tried = [{name: measure() for name, measure in measures.items()} for _ in range(tries)]
            found.append({name: median(one[name] for one in tried) for name in measures})
        return found

    def bare_lookup(self) -> float:
        """Seconds that one look-up by ``sqlite3`` takes in the store that the runs filled."""
        with closing(sqlite3.connect(self._directory / "home" / "stepcache.db")) as connection:
            keys = connection.execute("SELECT ExecutionCacheKey FROM execution_caches LIMIT 200").fetchall()
            query = "SELECT ExecutionOutput FROM execution_caches WHERE ExecutionCacheKey = ?"
            began = time.perf_counter()
            for _ in range(50):
                for key in keys:
                    connection.execute(query, key).fetchone()
            return (time.perf_counter() - began) / (50 * len(keys))

    def _timed(self, command: Sequence[str]) -> float:
        began = time.perf_counter()
        subprocess.run(
            command,
            cwd=self._directory,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Bytecode is kept, as on people's machines: else every start compiles kfp anew.
            env={**os.environ, "PYTHONPATH": str(self._directory), "PYTHONDONTWRITEBYTECODE": ""},
        )
        return time.perf_counter() - began


def measure(directory: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Every comparison: our figure, the other's, their ratio, and the most that it should be."""
    bench = Bench(directory, rounds)
    for length in (200, 400):
        bench.ours(f"chain-{length}", 0)
    bench.theirs(200, 0, cached=True)
    warm = bench.rounds(
        {
            "200": lambda: bench.ours("chain-200", 0),
            "400": lambda: bench.ours("chain-400", 0),
            "look-up": bench.bare_lookup,
        },
        tries=TRIES,
    )
    reusing = bench.rounds(
        {"ours": lambda: bench.ours("chain-200", 0), "kfp.local": lambda: bench.theirs(200, 0, cached=True)}
    )
    cold = bench.rounds(
        {
            "20": lambda: bench.ours_anew(20),
            "40": lambda: bench.ours_anew(40),
            "kfp.local 20": lambda: bench.theirs(20, 0, cached=False),
            "kfp.local 40": lambda: bench.theirs(40, 0, cached=False),
        },
        tries=COLD_TRIES,
    )
    at_once = bench.rounds(
        {
            "steps": lambda: bench.ours("independent", 0, "--max-parallel", "20", "--no-cache"),
            "import": bench.import_kfp,
        }
    )
    return {
        "one more hit / one bare look-up": compared(
            median((one["400"] - one["200"]) / 200 for one in warm), median(one["look-up"] for one in warm), 30
        ),
        "200 hits / kfp.local's 200 hits": compared(
            median(one["ours"] for one in reusing), median(one["kfp.local"] for one in reusing), 0.5
        ),
        "one more step / kfp.local's": compared(
            median((one["40"] - one["20"]) / 20 for one in cold),
            median((one["kfp.local 40"] - one["kfp.local 20"]) / 20 for one in cold),
            1 / 3,
        ),
        "20 steps of one second at once, less one import of kfp / one second": compared(
            median(one["steps"] - one["import"] for one in at_once), 1, 2
        ),
    }


def compared(ours: float, other: float, limit: float) -> dict[str, float]:
    return {"ours": ours, "other": other, "ratio": ours / other, "limit": limit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is timed (default: 5)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stepcache-bench-") as directory:
        result = measure(Path(directory), arguments.rounds)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, figures in result.items():
        print(f"{name}: {figures['ratio']:.2f} (at most {figures['limit']:.2f};", end=" ")
        print(f"{figures['ours'] * 1000:.3f} ms beside {figures['other'] * 1000:.3f} ms)")


if __name__ == "__main__":
    main()
