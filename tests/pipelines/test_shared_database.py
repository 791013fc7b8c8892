"""Two engines that run the samples at once on one database, as two machines would that share a folder: each step is
executed once overall.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.pipelines.samples import MEANT_TO_FAIL, NEEDS, prepare
from tests.servers.server import Server
from tests.stores.sql.programs import line, start, tell
from tests.stores.sql_world import sql_world

ENGINES = 2
LONG = 300.0  # seconds; only a broken test waits for so long


def run_at_once(url: str, directory: Path) -> list[dict[str, Any]]:
    prepare(directory)
    apart = {"STEPCACHE_SAME_HOST": "off"}
    with ExitStack() as stack:
        engines = [
            start(
                stack, "tests.pipelines.teammate", url, directory, directory / f"home-{number}", environment=apart
            )
            for number in range(ENGINES)
        ]
        assert [line(engine) for engine in engines] == ["ready"] * ENGINES
        for engine in engines:
            tell(engine)
        answers = [engine.communicate(timeout=LONG)[0] for engine in engines]
        assert [engine.returncode for engine in engines] == [0] * ENGINES
    return [json.loads(answer) for answer in answers]


async def test_two_engines_execute_each_step_of_the_samples_once(server: Server, tmp_path: Path) -> None:
    async with sql_world(server) as world:
        ended = await asyncio.to_thread(run_at_once, world.url, tmp_path)
        for samples in ended:
            states = {name: (sample["state"], sample["error"]) for name, sample in samples.items()}
            expected = {name for name in states if name in MEANT_TO_FAIL or name in NEEDS}
            assert {name for name, (state, _) in states.items() if state != "SUCCEEDED"} == expected, states
        tasks = [task for samples in ended for sample in samples.values() for task in sample["tasks"]]
        executed = Counter(
            key
            for _, state, result, reason, key in tasks
            if (state, result) == ("SUCCEEDED", "miss") and reason != "refreshed"  # an importer may ask for that
        )
        assert set(executed.values()) == {1}
        taken_over = [key for _, _, result, _, key in tasks if result in ("hit", "shared")]
        assert len(set(taken_over) & executed.keys()) > len(executed) / 2
        rows = await world.session.run('SELECT COUNT(*), COUNT(DISTINCT "ExecutionCacheKey") FROM execution_caches')
        assert rows[0][0] == rows[0][1]
