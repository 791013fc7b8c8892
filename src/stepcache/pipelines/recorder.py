"""Keeps the records of a run in the store, in batches, off the path of the tasks.

What must survive a crash is the entry, and that is committed before a task counts as finished (protocol.md, P5).
Task records may lag behind by one batch; whoever sweeps up after a dead engine ends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Self

from stepcache.pipelines.task_record import TaskRecord
from stepcache.stores.runs import RunStore

_BATCH_SECONDS = 0.25


class Recorder:
    """Writes the task records of one run. Use as an asynchronous context manager; leaving it writes the rest."""

    def __init__(self, store: RunStore, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._changed: dict[str, TaskRecord] = {}
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def changed(self, task: TaskRecord) -> None:
        """Note that this task is to be written, as it stands when its batch is."""
        self._changed[task.name] = task
        self._wake.set()

    def all_changed(self, tasks: Iterable[TaskRecord]) -> None:
        """``changed`` for each of these."""
        self._changed |= {task.name: task for task in tasks}
        self._wake.set()

    async def flush(self) -> None:
        """Write everything noted so far. Raises StoreUnavailableError; what was not written stays noted."""
        while self._changed:
            batch = dict(self._changed)
            rows = [task.row(self._run_id) for task in batch.values()]
            self._changed.clear()
            try:
                await self._store.save_tasks(rows)
            except BaseException:
                self._changed = batch | self._changed
                raise

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write_batches())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        writer = self._writer
        if writer is None:
            return
        writer.cancel()
        (ended,) = await asyncio.gather(writer, return_exceptions=True)
        if kind is None and isinstance(ended, Exception):
            raise ended
        await self.flush()

    async def _write_batches(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(_BATCH_SECONDS)  # gathers a batch; nothing waits for it
            self._wake.clear()
            await self.flush()
