"""What follows from the removal of entries, as far as the records tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from stepcache.cache.output import Output
from stepcache.errors import InputError
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import downstream, loading, task_order
from stepcache.pipelines.run_request import KeptRequest
from stepcache.pipelines.whole_dag import TEMPLATE
from stepcache.stores.entry_browsing import EntryBrowsing
from stepcache.stores.requests import RequestStore
from stepcache.stores.run_browsing import RunBrowsing, around
from stepcache.stores.runs import RunRow, RunStore, TaskRow

if TYPE_CHECKING:
    from stepcache.pipelines.kept_specs import KeptSpecs
    from stepcache.pipelines.model import Pipeline

_FROM_AN_ENTRY = ("hit", "shared", "miss")
_PAGE = 100


class Records(RunStore, RequestStore, RunBrowsing, EntryBrowsing, Protocol):
    """Where the records are."""


@dataclass(frozen=True, slots=True)
class Use:
    """What the newest run of a pipeline has of the entries."""

    run: RunRow
    tasks: tuple[str, ...]
    """Those whose outputs are from them: executed the next time."""
    after: tuple[str, ...] | None
    """Those that come after these, and are executed then if what these leave is different. None where it is not
    known what the run ran.
    """


@dataclass(frozen=True, slots=True)
class NestedPipeline:
    """An entry of a nested pipeline as a whole, which rests on the entries: it goes task by task from then on."""

    key: str
    pipeline: str
    task: str


@dataclass(frozen=True, slots=True)
class Consequences:
    """Of a removal."""

    uses: tuple[Use, ...]
    nested: tuple[NestedPipeline, ...]


async def foresee(records: Records, entries: Mapping[str, str], specs: KeptSpecs | None = None) -> Consequences:
    """What the removal of ``entries``, the publisher by key, leads to in the newest run of each pipeline, if that
    is run again as it was. Changes nothing. ``specs`` spares reading pipelines that were read before.
    """
    uses = []
    for run in await records.latest_runs():
        tasks = await records.tasks(run.run_id)
        using = _steps([task for task in tasks if entries.get(task.key, "") == task.published_by != ""], tasks)
        if using:
            pipeline = _pipeline(await records.request(run.run_id), specs)
            uses.append(Use(run, using, None if pipeline is None else _after(pipeline, using, tasks)))
    return Consequences(tuple(uses), tuple(await _resting_on(records, entries)))


def _steps(chosen: Sequence[TaskRow], tasks: Sequence[TaskRow]) -> tuple[str, ...]:
    """The names of those with an executor, in the order in which people read them."""
    dags = {path for task in tasks for path in around(task.name)}
    return tuple(
        task.name for task in task_order.in_order(chosen) if task.result in _FROM_AN_ENTRY and task.name not in dags
    )


def _pipeline(request: str | None, specs: KeptSpecs | None) -> Pipeline | None:
    """What the run ran; None when that was not kept, or is refused by this release."""
    try:
        document = KeptRequest.from_text(request or "").document
        return None if document is None else loading.parse(document, source="the pipeline", kept=specs)
    except (ValueError, KeyError, TypeError, InputError):
        return None


def _after(pipeline: Pipeline, using: Sequence[str], tasks: Sequence[TaskRow]) -> tuple[str, ...] | None:
    try:
        paths = {path for name in using for path in downstream.of(pipeline, name)}
    except KeyError:
        return None
    names = _steps([task for task in tasks if downstream.is_in(task.name, paths)], tasks)
    return tuple(name for name in names if name not in using)


async def _resting_on(records: Records, entries: Mapping[str, str]) -> list[NestedPipeline]:
    found: list[NestedPipeline] = []
    after = 0
    while page := await records.entries_of_template(TEMPLATE, after=after, limit=_PAGE):
        for dag in page:
            after = dag.summary.id
            if dag.summary.key not in entries and _rests_on(dag.output, entries):
                found.append(NestedPipeline(dag.summary.key, dag.summary.pipeline, dag.summary.task))
    return found


def _rests_on(output: str, entries: Mapping[str, str]) -> bool:
    try:
        rests_on = Output.from_text(output).rests_on
    except ValueError:
        return False
    return any(entries.get(key) == published_by for key, published_by in rests_on.items())
