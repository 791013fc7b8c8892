"""``stepcache entries rm``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stepcache.cli import entry_reference, event_loop, places
from stepcache.light_dataclasses import dataclass

if TYPE_CHECKING:
    from stepcache.pipelines.removal import Consequences
    from stepcache.stores.claim import KeyState
    from stepcache.stores.entry_browsing import EntrySummary
    from stepcache.stores.opening import FullStore

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be removed, and what follows from it."""

    entries: Mapping[str, EntrySummary | None]
    """By key; None for a key without an entry, which somebody is executing."""
    executing: Mapping[str, KeyState]
    consequences: Consequences


@dataclass(frozen=True, slots=True)
class _Removed:
    entries: list[str]
    revoked: list[str]
    """Keys whose running execution may not store its result."""
    changed: list[str]
    """Keys that were stored anew since they were chosen by a filter: these entries stay."""


def run(arguments: argparse.Namespace) -> int:
    """Say what follows, ask, and remove."""
    _check(arguments)
    plan = event_loop.run(_planned(arguments))
    if not arguments.json:
        for line in _foretold(plan):
            print(line)
    removed = _Removed([], [], [])
    if plan.entries and not arguments.dry_run:
        if not arguments.yes and not _confirmed(len(plan.entries)):
            print("nothing was removed")
            return 1
        removed = event_loop.run(_remove(arguments, plan))
        if not arguments.json:
            for line in _told(removed):
                print(line)
    if arguments.json:
        print(json.dumps(_document(plan, removed)))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    from stepcache.errors import InputError

    if not arguments.key and not entry_reference.has_filter(arguments):
        raise InputError("it is not said which entries", remedy="give a KEY, or a filter such as --older-than P30D")
    if arguments.key and entry_reference.has_filter(arguments):
        raise InputError("keys and filters are given at once", remedy="give either")
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not arguments.json
    if not arguments.yes and not arguments.dry_run and not has_terminal:
        raise InputError(
            "there is no terminal to ask on", remedy="give --yes, or --dry-run to see what would happen"
        )


def _confirmed(count: int) -> bool:
    try:
        answer = input(f"remove {_entries(count)}? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


async def _planned(arguments: argparse.Namespace) -> _Plan:
    from stepcache.pipelines import removal
    from stepcache.pipelines.kept_specs import KeptSpecs

    wanted = None if arguments.key else entry_reference.wanted(arguments)
    async with places.store_to_read(arguments) as store:
        entries: dict[str, EntrySummary | None] = {}
        if wanted is not None:
            entries.update({entry.key: entry for entry in await store.find_entries(wanted)})
        for text in arguments.key:
            entry = await entry_reference.find(store, text)
            entries[text if entry is None else entry.key] = entry
        states = await store.watch(list(entries))
        executing = {key: state for key, state in states.items() if state.busy is not None}
        for key, entry in entries.items():
            if entry is None and key not in executing:
                raise entry_reference.missing(key)
        publishers = {key: entry.published_by for key, entry in entries.items() if entry is not None}
        specs = KeptSpecs(places.settings(arguments).home / "pipelines")
        return _Plan(entries, executing, await removal.foresee(store, publishers, specs))


async def _remove(arguments: argparse.Namespace, plan: _Plan) -> _Removed:
    async with places.store(arguments) as store:
        removed = _Removed([], [], [])
        for key, entry in plan.entries.items():
            if not arguments.key and entry is not None and not await _is_the_same(store, entry):
                removed.changed.append(key)
                continue
            answer = await store.invalidate(key)
            if answer.entry:
                removed.entries.append(key)
            if answer.claim:
                removed.revoked.append(key)
        return removed


async def _is_the_same(store: FullStore, entry: EntrySummary) -> bool:
    """Whether the entry is still the one that a filter chose. One that is stored anew between this look and the
    removal is removed, which costs an execution and no more.
    """
    now = await store.lookup(entry.key)
    return now is not None and now.published_by == entry.published_by


def _foretold(plan: _Plan) -> Iterator[str]:
    from stepcache.cli import amounts

    entries = [entry for entry in plan.entries.values() if entry is not None]
    yield f"to be removed: {_entries(len(entries))}, with {amounts.size(sum(entry.size for entry in entries))}"
    listed = [f"{entry.key[:12]}  {entry.task or 'of another program'}  {entry.pipeline}" for entry in entries]
    yield from _some(listed, "  ")
    for use in plan.consequences.uses:
        run = use.run
        yield f"run {run.run_id}, the newest of pipeline {run.pipeline}, has results from there; run again, it"
        yield from _some(list(use.tasks), "  executes ")
        if use.after is None:
            yield "  and what comes after that; what it ran is not kept, so nothing more can be said"
        else:
            yield from _some(list(use.after), "  and then, unless the outcome is the same, ")
    nested = [f"{one.task} ({one.pipeline})" for one in plan.consequences.nested]
    if nested:
        yield "nested pipelines that rest on them, and go task by task the next time:"
        yield from _some(nested, "  ")
    if plan.executing:
        yield "being executed now; that may end, and not store its result:"
        yield from _some(list(plan.executing), "  ")


def _some(lines: list[str], before: str) -> Iterator[str]:
    yield from (f"{before}{line}" for line in lines[:_SHOWN])
    if len(lines) > _SHOWN:
        yield f"{before}… and {len(lines) - _SHOWN} more"


def _told(removed: _Removed) -> Iterator[str]:
    revoked = f"; running executions that may not store a result: {len(removed.revoked)}" if removed.revoked else ""
    yield f"removed {_entries(len(removed.entries))}{revoked}"
    if removed.changed:
        yield f"stored anew meanwhile, and left: {_entries(len(removed.changed))}"


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _document(plan: _Plan, removed: _Removed) -> dict[str, Any]:
    from stepcache.cli import entry_list

    return {
        "entries": [entry_list.document(entry) for entry in plan.entries.values() if entry is not None],
        "executing": list(plan.executing),
        "uses": [
            {
                "run_id": use.run.run_id,
                "pipeline": use.run.pipeline,
                "tasks": list(use.tasks),
                "after": None if use.after is None else list(use.after),
            }
            for use in plan.consequences.uses
        ],
        "nested_pipelines": [
            {"key": one.key, "pipeline": one.pipeline, "task": one.task} for one in plan.consequences.nested
        ],
        "removed": removed.entries,
        "revoked": removed.revoked,
        "changed": removed.changed,
    }
