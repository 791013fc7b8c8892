"""One nested DAG with its inputs, on its way to be reused as a whole, or to be kept for that."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from stepcache.cache.cache import Reused
from stepcache.cache.output import Output
from stepcache.cache.ticket import Ticket, Verify
from stepcache.keys import dag
from stepcache.keys.dag import DagParts
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import Component
from stepcache.pipelines.task_record import CacheResult, Standing, State, TaskRecord, outputs_text
from stepcache.pipelines.values import Values
from stepcache.stores.entry import ArtifactReference, Description, Record
from stepcache.stores.standing import RESTING_TEMPLATE

if TYPE_CHECKING:
    from stepcache.pipelines.circumstances import Circumstances


TEMPLATE = '{"dag": '
"""How the template of every entry of a DAG begins, and of no other."""

_LARGEST = 8 << 20  # characters of an entry; a DAG with more in it goes task by task


@dataclass(frozen=True, slots=True)
class Member:
    """A task inside of the DAG as it ended when the DAG was kept: one row of the entry."""

    name: str
    """The path from the DAG."""
    component: str
    state: str
    key: str
    """Empty for what did not come to the cache: a DAG, a loop, or what was skipped."""
    log: str
    error: str
    outputs: str
    """As a row of the run keeps them; empty for none."""


@dataclass(frozen=True, slots=True)
class Found:
    """A DAG whose tasks would all be reused."""

    outputs: Values
    rows: list[list[Any]]
    """The fields of each ``Member``."""
    reused: Reused

    @property
    def members(self) -> Iterator[Member]:
        """Every task inside of the DAG."""
        return (Member(*row) for row in self.rows)

    @property
    def steps(self) -> int:
        """How many tasks are reused with it."""
        return sum(1 for _, _, _, key, *_ in self.rows if key)

    def standing(self) -> Standing:
        """The entries of the tasks, for a DAG around this one to rest on."""
        output = self.reused.output
        born = time.monotonic() - self.reused.entry.age - output.value["age"]
        return Standing(output.rests_on, born, output.artifacts)


@dataclass(frozen=True, slots=True)
class WholeDag:
    """What a DAG's entry holds: its outputs, every task in it, and the entries of those tasks.

    It stands for these entries, and only while each of them is there as it was: once one was invalidated, refreshed
    or collected, the DAG goes task by task. Every artifact that any of them left is looked at.
    """

    key: str
    parts: DagParts
    component: Component
    path: str
    given: Circumstances

    @classmethod
    def of(cls, parts: DagParts, component: Component, path: str, given: Circumstances) -> WholeDag:
        """The DAG of these parts. Raises ValueError when no key can be made of them."""
        return cls(dag.dag_key(parts), parts, component, path, given)

    async def find(self) -> Found | None:
        """What the DAG comes to if every task in it would be reused now, as far as policies go for each.

        Nothing is counted or changed. Raises StoreUnavailableError and ArtifactStoreUnavailableError.
        """
        cache = self.given.cache
        entry = await cache.store.lookup(self.key)
        if entry is None:
            return None
        try:
            output = Output.from_text(entry.output)
            rows = output.value["members"]
            outputs = Values.from_document(output.value)
            age = entry.age + output.value["age"]
        except (ValueError, TypeError, KeyError):
            return None  # another version's, or damaged: it will be replaced
        verify = self._allowed(rows, age)
        if verify is None or not output.rests_on:
            return None
        seen = await cache.examine(Ticket(self.key, verify=verify), entry, output)
        return Found(outputs, rows, seen) if isinstance(seen, Reused) else None

    async def keep(self, outputs: Values, records: Sequence[TaskRecord]) -> None:
        """Store the DAG with ``records``, all tasks in it, if each of them was, or can be, reused.

        Raises StoreUnavailableError.
        """
        if any(record.state not in (State.SUCCEEDED, State.SKIPPED) for record in records):
            return
        standings = [record.standing for record in records if record.result is not CacheResult.NONE]
        known = [standing for standing in standings if standing is not None]
        if not known or len(known) < len(standings):
            return
        rests_on = {key: by for standing in known for key, by in standing.entries.items()}
        artifacts = tuple(dict.fromkeys(item for standing in known for item in standing.artifacts))
        value = {
            **outputs.to_document(),
            "members": [self._row(record) for record in sorted(records, key=lambda record: record.position)],
            "age": time.monotonic() - min(standing.born for standing in known),
        }
        try:
            text = Output(value, artifacts, rests_on).to_text()
        except (ValueError, TypeError):  # infinite numbers, which no JSON has
            return
        if len(text) > _LARGEST:
            return
        given = self.given
        record = Record(
            output=text,
            template=f"{RESTING_TEMPLATE}{json.dumps(self.component.name)}}}",
            description=Description(
                namespace=given.namespace,
                pipeline=given.pipeline.name,
                component=self.component.name,
                task=self.path,
                run_id=given.context.run_id,
                duration=await self._duration(rests_on),
                parts=json.dumps(dag.stored_parts(self.parts), sort_keys=True),
            ),
            artifacts=tuple(ArtifactReference(item.digest, item.size) for item in artifacts),
        )
        await given.cache.replace(self.key, record, rests_on)

    async def _duration(self, keys: Iterable[str]) -> float:
        """How long the executions took together, as far as their entries are still there."""
        found = [await self.given.cache.store.describe(key) for key in keys]
        return sum(description.duration for description in found if description is not None)

    def _row(self, record: TaskRecord) -> list[Any]:
        name = record.name.removeprefix(f"{self.path}/")
        key = "" if record.tasks else record.key
        outputs = record.kept_outputs or ("" if record.outputs is None else outputs_text(record.outputs))
        member = Member(name, record.component, str(record.state), key, record.log, record.error, outputs)
        return list(astuple(member))

    def _allowed(self, rows: Iterable[list[Any]], age: float) -> Verify | None:
        """How closely to look at the outputs; None when a policy forbids to reuse one of the tasks."""
        policies = self.given.policies
        if not policies.rules:
            return Verify.DIGEST
        verify = Verify.EXISTS
        for name, component, _, key, *_ in rows:
            if key:
                policy = policies.of(self.given.pipeline.name, component, f"{self.path}/{name}")
                if policy.cache is False or not _is_young(age, policy.max_staleness):
                    return None
                if policy.verify is not Verify.EXISTS:
                    verify = Verify.DIGEST
        return verify


def _is_young(age: float, limit: float | None) -> bool:
    """See ``entry.is_fresh``."""
    return limit is None or limit < 0 or (limit > 0 and age <= limit)
