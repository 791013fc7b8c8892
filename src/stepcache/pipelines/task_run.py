"""One task with an executor: reused, waited for, or executed, and then published."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from stepcache.cache.cache import Holding, Reused
from stepcache.cache.output import Output
from stepcache.cache.reason import Reason
from stepcache.cache.ticket import Ticket
from stepcache.errors import ExecutionFailedError
from stepcache.executors.containers.running_container import ContainerNotEndedError
from stepcache.executors.environments import credentials
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import task_wish
from stepcache.pipelines.model import Task
from stepcache.pipelines.platform.concealment import is_concealed
from stepcache.pipelines.session import Session
from stepcache.pipelines.task_record import CacheResult, Standing, State, TaskRecord
from stepcache.pipelines.task_wish import TaskWish
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import StepFailedError, StepStoppedError, Work
from stepcache.stores.claim import Busy, Published
from stepcache.stores.entry import ArtifactReference, Description, Entry, Record

if TYPE_CHECKING:
    from stepcache.pipelines.evidence import Evidence


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task on its way through the cache."""

    task: Task
    work: Work
    record: TaskRecord
    session: Session

    async def outputs(self) -> Values:
        """The outputs, from wherever they come. Raises StepFailedError when the task failed as often as its retry
        policy lets it; executions of others that it waited for count, too (protocol.md, Operations).
        """
        session = self.session
        wish = task_wish.of(self.task, self.work, self.record.name, session)
        if wish is None:
            return await self._uncached()
        self.record.key = wish.key.digest
        ticket = wish.ticket(attempts=1 + self.task.retry.max_retries)
        reused = await session.cache.reuse(ticket)
        values = None if reused is None else self._take(reused, ticket)
        return await self._claimed(ticket, wish) if values is None else values

    async def _uncached(self) -> Values:
        for attempt in range(1 + self.task.retry.max_retries):
            if attempt:
                await self._back_off(attempt)
            async with self.session.slots:
                from stepcache.pipelines import evidence  # of no use to a task that is reused

                found = evidence.of_uncached(self.record.name, self.work, self.session)
                self._executing(CacheResult.OFF, Reason.CACHING_OFF, found)
                try:
                    return await self.work.perform(self.record, self.session, None)
                except StepFailedError as error:
                    self._tell_retry(attempt, error)
                    failure = error
        raise failure

    async def _claimed(self, ticket: Ticket, wish: TaskWish) -> Values:
        cache = self.session.cache
        ticket.label = f"run {self.session.context.run_id} task {self.record.name}"
        ticket.supervisor = await self.session.supervisor.started()
        ticket.containers = self.work.containers
        attempt = 0
        while True:
            async with self.session.slots:  # before the claim: whoever holds one executes at once
                try:
                    answer = await cache.attempt(ticket)
                except ExecutionFailedError as error:
                    raise self._failed_elsewhere(error) from error
                if isinstance(answer, Holding):
                    try:
                        return await self._execute(answer, ticket, wish)
                    except StepStoppedError:
                        continue
                    except StepFailedError as error:
                        if ticket.is_exhausted(answer.failures + 1):
                            raise
                        self._tell_retry(attempt, error)
            if isinstance(answer, Reused):
                values = self._take(answer, ticket)
                if values is not None:
                    return values
                continue
            if isinstance(answer, Holding):
                attempt += 1
                await self._back_off(attempt)
                continue
            await self._wait(ticket, answer)

    async def _wait(self, ticket: Ticket, busy: Busy) -> None:
        self._waiting(busy)
        patience = self.session.wait_timeout
        try:
            async with asyncio.timeout(None if patience is None else max(0.0, patience - ticket.asked())):
                await self.session.cache.wait(ticket, busy)
        except TimeoutError:
            raise StepFailedError(
                f"it waited {patience:g} s for the result of another's execution: {_who(busy.holder)}"
            ) from None
        except ExecutionFailedError as error:
            raise self._failed_elsewhere(error) from error

    async def _back_off(self, attempt: int) -> None:
        """Wait as the retry policy says before the next attempt, ``attempt`` of them having failed."""
        await asyncio.sleep(self.task.retry.pause(attempt))

    def _tell_retry(self, attempt: int, error: StepFailedError) -> None:
        if attempt < self.task.retry.max_retries:
            self.session.listener.warn(f"{self.record.name}: {error}; it is tried again")

    async def _execute(self, holding: Holding, ticket: Ticket, wish: TaskWish) -> Values:
        self.record.parts = wish.key.parts(self.session.mask)
        try:
            await self._explain(holding, ticket)
            began = time.monotonic()
            values = await self.work.perform(self.record, self.session, holding)
        except StepFailedError as error:
            await holding.fail(json.dumps({"error": str(error), "log": self.record.log}))
            raise
        except ContainerNotEndedError as error:  # it may run on, so nobody else may begin
            holding.abandon()
            raise StepFailedError(str(error)) from error
        except BaseException:
            await asyncio.shield(holding.release())
            raise
        entry = self._entry(values, time.monotonic() - began)
        answer = await holding.publish(entry)
        if isinstance(answer, Published):
            self.record.published_by = answer.entry.published_by
            self._note_standing(answer.entry, Output.from_text(entry.output))
        else:
            self.session.listener.warn(f"{self.record.name}: invalidated while it ran, so its result is not kept")
        return values

    async def _explain(self, holding: Holding, ticket: Ticket) -> None:
        """Note why the task is executed, and what that rests on."""
        from stepcache.pipelines import evidence  # of no use to a task that is reused

        component = self.work.component.name
        reason = await self.session.earlier.reason(holding.reason, component, ticket.key)
        found = evidence.of_miss(
            reason, self.record.name, self.work, holding=holding, ticket=ticket, given=self.session
        )
        self._executing(CacheResult.MISS, reason, found)

    def _entry(self, values: Values, duration: float) -> Record:
        contents = {
            artifact.content: None
            for artifacts in values.artifacts.values()
            for artifact in artifacts
            if artifact.content is not None
        }
        kept = self.session.cluster.concealment.conceal(values)
        output = Output({**kept, "log": self.record.log}, tuple(contents))
        return Record(
            output=output.to_text(),
            template=credentials.mask(json.dumps(self.work.template(), sort_keys=True)),
            description=Description(
                namespace=self.session.namespace,
                pipeline=self.session.pipeline.name,
                component=self.work.component.name,
                task=self.record.name,
                run_id=self.session.context.run_id,
                duration=duration,
                parts=self.record.parts,
            ),
            artifacts=tuple(ArtifactReference(content.digest, content.size) for content in contents),
        )

    def _take(self, reused: Reused, ticket: Ticket) -> Values | None:
        document = reused.output.value
        values = self.session.cluster.concealment.reveal(document)
        if values is None:  # a secret in it has changed
            ticket.max_staleness = 0
            return None
        self.record.result = CacheResult.SHARED if reused.shared else CacheResult.HIT
        self.record.reason = self.record.evidence = ""
        self.record.log = document.get("log", "")
        self.record.waiting_for = ""
        self.record.published_by, self.record.saved = reused.entry.published_by, reused.entry.duration
        self._note_standing(reused.entry, reused.output)
        return values

    def _note_standing(self, entry: Entry, output: Output) -> None:
        """Note which entry the outputs are from, for a DAG around the task, if there is one, to rest on.

        Not when the entry goes stale by itself, or the value of a secret is left out of it.
        """
        if "/" in self.record.name and entry.max_staleness < 0 and not is_concealed(output.value):
            born = time.monotonic() - entry.age
            self.record.standing = Standing({entry.key: entry.published_by}, born, output.artifacts)

    def _executing(self, result: CacheResult, reason: Reason, found: Evidence) -> None:
        self.record.state = State.RUNNING
        self.record.result, self.record.reason, self.record.evidence = result, reason, found.to_text()
        self.record.waiting_for = ""
        self.record.started_at = time.time()
        self.session.changed(self.record)

    def _waiting(self, busy: Busy) -> None:
        self.record.waiting_for = f"{_who(busy.holder)}, since {busy.held_for:.0f} s"
        self.session.changed(self.record)

    def _failed_elsewhere(self, error: ExecutionFailedError) -> StepFailedError:
        self.record.result = CacheResult.SHARED
        try:
            failure = json.loads(str(error))
            self.record.log = failure["log"]
            return StepFailedError(failure["error"])
        except (ValueError, KeyError, TypeError):
            return StepFailedError(str(error))


def _who(holder: str) -> str:
    from stepcache.cache.holder import Holder

    return Holder.parse(holder).describe()
