"""What a miss asks is answered by an index, however long the history."""

from __future__ import annotations

from pathlib import Path

from stepcache.stores import history_statements as texts
from tests.stores.worlds import sqlite_world


async def test_earlier_executions_of_a_component_are_found_by_an_index(tmp_path: Path) -> None:
    async with sqlite_world(tmp_path / "store.db") as world:
        for template, index in (
            (texts.EXECUTED_KEYS, "ix_tasks_component"),
            (texts.EXECUTIONS, "ix_tasks_component"),
            (texts.EXECUTIONS_OF_KEY, "ix_tasks_executed"),
        ):
            text = template.replace("$tasks", "tasks").replace("$runs", "runs")
            for name in ("component", "namespace", "before", "limit", "key"):
                text = text.replace(f":{name}", "'1'" if name != "limit" else "1")
            plan = " ".join(str(row[3]) for row in world.execute(f"EXPLAIN QUERY PLAN {text}"))
            assert index in plan
            assert "SCAN t" not in plan
