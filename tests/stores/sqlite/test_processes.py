"""Many processes on one file, and processes that are killed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

from stepcache.stores.claim import Granted
from stepcache.stores.sqlite import SqliteStore
from tests.stores.sqlite.publisher import KEY
from tests.stores.world import a_key, a_record, ask, publish

PROCESSES, KEYS = 8, 100
LONG = 60.0  # seconds; only a broken test waits for so long


def start(stack: ExitStack, program: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that is killed, if need be, when the stack is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.stores.{program}", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


def contend(path: Path, processes: int, keys: int) -> list[str]:
    """Set ``processes`` off at once; answer what they executed, one after the other."""
    with ExitStack() as stack:
        running = [start(stack, "contender", f"sqlite:///{path}", keys) for _ in range(processes)]
        outputs = []
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in running:
            outputs.append(process.communicate(timeout=LONG)[0])
            assert process.returncode == 0
    return [key for output in outputs for key in json.loads(output.splitlines()[-1])]


def test_a_storm_of_processes_executes_each_key_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    assert sorted(contend(path, PROCESSES, KEYS)) == sorted(a_key(number) for number in range(KEYS))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT COUNT(*), COUNT(DISTINCT ExecutionCacheKey) FROM execution_caches")
        assert rows.fetchone() == (KEYS, KEYS)
        tokens = connection.execute("SELECT token, COUNT(*) FROM execution_claims GROUP BY token").fetchall()
        assert tokens == [(1, KEYS)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_many_processes_may_create_a_store_at_once(tmp_path: Path) -> None:
    for attempt in range(2):
        assert len(contend(tmp_path / f"{attempt}.db", 4, 1)) == 1


async def test_a_publish_that_is_killed_leaves_the_old_result_or_the_new_one(tmp_path: Path) -> None:
    states = []
    for number in range(12):
        path = tmp_path / f"{number}.db"
        store = SqliteStore(path)
        await store.open()
        old = await publish(store, KEY, a_record("old"))
        with ExitStack() as stack:
            process = start(stack, "sqlite.publisher", path, number)
            assert process.stdout is not None
            answer = process.stdout.readline().strip()
            process.kill()
            process.wait()
        entry = await store.lookup(KEY)
        assert entry is not None
        if answer == "acknowledged":
            assert (entry.output, entry.id) == ("new" * 10_000, old.entry.id)  # P5
            assert (await store.watch([KEY]))[KEY].busy is None
        else:
            assert entry.published_by == old.entry.published_by
            # Nobody is kept out by the dead process's lock: the next takes over, and publishes.
            taken = await ask(store, KEY, max_staleness=0)
            assert isinstance(taken, Granted)
            assert taken.claim.token == 3
            assert (await store.publish(taken.claim, a_record("next"))) is not None
        assert await store.duplicates() == []
        await store.close()
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        states.append(answer)
        if answer == "acknowledged":
            break
    assert len(states) > 6
    assert states == ["stands still"] * (len(states) - 1) + ["acknowledged"]
