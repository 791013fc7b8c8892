"""A nested DAG that was found as a whole, taken into a run."""

from __future__ import annotations

import json
import time
from typing import Any

from stepcache.pipelines.session import Session
from stepcache.pipelines.task_record import CacheResult, Standing, State, TaskRecord, outputs_text
from stepcache.pipelines.values import Values
from stepcache.pipelines.whole_dag import Found

_STATES = {str(state): state for state in State}


def take(found: Found, record: TaskRecord, session: Session) -> list[TaskRecord]:
    """Note in ``record``, the DAG's, that all of it was reused, and add a record for every task in it.

    Counts one hit: that of the DAG.
    """
    session.cache.count(found.reused)
    record.result, record.key, record.tasks = CacheResult.HIT, found.reused.entry.key, found.steps
    record.published_by, record.saved = found.reused.entry.published_by, found.reused.entry.duration
    record.standing = found.standing()
    with_it = Standing({}, record.standing.born, ())
    now = time.time()
    publishers = found.reused.output.rests_on
    records = [_record(row, record.name, now, with_it, session) for row in found.rows]
    for inner in records:
        inner.published_by = publishers.get(inner.key, "")
    session.add_reused(records)
    return records


def _record(row: list[Any], path: str, now: float, standing: Standing, session: Session) -> TaskRecord:
    name, component, state, key, log, error, outputs = row
    if outputs and session.cluster.concealment:
        shown = session.cluster.concealment.shown(Values.from_document(json.loads(outputs)))
        outputs = outputs_text(shown)
    return TaskRecord(
        name=f"{path}/{name}",
        position=0,
        component=component,
        state=_STATES[state],
        result=CacheResult.HIT if key else CacheResult.NONE,
        key=key,
        started_at=now if state == State.SUCCEEDED else 0.0,
        finished_at=now,
        log=log,
        error=error,
        standing=standing,
        kept_outputs=outputs,
    )
