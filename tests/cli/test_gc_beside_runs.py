"""``stepcache gc`` again and again beside engines in other processes: no run fails, no hit lacks an output."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.collected import objects, pipeline, referenced
from tests.cli.running import call, document

REPOSITORY = Path(__file__).parents[2]
ENGINES = 3
RUNS = 6
NUMBERS = 2


def looping(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.cli.looping_gc", str(home), *arguments]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, int]:
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    result: dict[str, int] = json.loads(output)
    return result


@pytest.mark.parametrize("limit", [("--older-than", "PT0S"), ("--max-size", "3kB")], ids=["age", "size"])
def test_no_run_fails_beside_collections(tmp_path: Path, limit: tuple[str, str]) -> None:
    home, compiled = tmp_path / "home", pipeline(tmp_path / "both.yaml")
    assert call(home, "run", compiled).returncode == 0
    seed = random.randrange(2**32)
    print("seed", seed)  # shown when the test fails

    def engine(number: int) -> list[tuple[int, dict[str, Any]]]:
        chosen = random.Random(seed + number)
        answers = []
        for _ in range(RUNS):
            value = chosen.randrange(NUMBERS)
            answers.append((value, document(call(home, "run", compiled, "-p", f"number={value}", "--json"))))
        return answers

    collections = [looping(home, *limit) for _ in range(2)]
    try:
        with ThreadPoolExecutor(ENGINES) as pool:
            answers = [answer for engine_answers in pool.map(engine, range(ENGINES)) for answer in engine_answers]
        totals = [ended(process) for process in collections]
    finally:
        for process in collections:
            process.kill()
            process.communicate()
    assert [answer["state"] for _, answer in answers] == ["SUCCEEDED"] * (ENGINES * RUNS), answers
    assert [answer["outputs"] for _, answer in answers] == [{"result": value} for value, _ in answers]
    told = Counter(task["cache"]["result"] for _, answer in answers for task in answer["tasks"])
    print(told, totals)
    assert told["miss"] >= NUMBERS
    for total in totals:
        assert total["failed"] == 0
        assert total["rounds"] > 1
    assert sum(total["artifacts"] for total in totals) > 0  # there was something to be in the way of
    assert referenced([home]) <= objects(home)
    assert call(home, "gc", "--verify").returncode == 0
