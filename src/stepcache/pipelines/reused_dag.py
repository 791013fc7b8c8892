"""A nested DAG that was found as a whole, taken into a run."""

from __future__ import annotations

import json
import time

from stepcache.pipelines.session import Session
from stepcache.pipelines.task_record import CacheResult, Standing, State, TaskRecord, outputs_text
from stepcache.pipelines.values import Values
from stepcache.pipelines.whole_dag import Found

_STATES = {str(state): state for state in State}
_SUCCEEDED = str(State.SUCCEEDED)


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
    concealment = session.cluster.concealment
    has_secrets = bool(concealment)
    records = []
    for position, row in enumerate(found.rows, start=len(session.records)):
        name, component, state, key, log, error, outputs = row
        if has_secrets and outputs:
            outputs = outputs_text(concealment.shown(Values.from_document(json.loads(outputs))))
        inner = TaskRecord(f"{record.name}/{name}", position, component, _STATES[state])
        if key:
            inner.result, inner.key, inner.published_by = CacheResult.HIT, key, publishers.get(key, "")
        if state == _SUCCEEDED:
            inner.started_at = now
        inner.finished_at = now
        inner.log, inner.error, inner.standing, inner.kept_outputs = log, error, with_it, outputs
        records.append(inner)
    session.add_reused(records)
    return records
