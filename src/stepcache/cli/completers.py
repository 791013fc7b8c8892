"""What shells are told when they ask how an argument may go on. Errors are no answer: then nothing is."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepcache.stores.opening import FullStore

_MOST = 200
_Completer = Callable[..., list[str]]


def attach(action: argparse.Action, completer: _Completer) -> None:
    """Have ``completer`` asked how the argument may go on (argcomplete reads the attribute)."""
    action.completer = completer  # type: ignore[attr-defined]


def runs(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """IDs of runs, newest first, and ``latest``."""

    async def found(store: FullStore) -> list[str]:
        return [run.run_id for run in await store.find_runs(prefix=prefix, limit=_MOST)]

    return [name for name in ("latest", *_asked(parsed_args, found)) if name.startswith(prefix)]


def tasks(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Paths of the tasks of the run that stands before it on the command line."""

    async def found(store: FullStore) -> list[str]:
        from stepcache.cli import run_reference

        run = await run_reference.resolve(parsed_args.run, store)
        return [task.name for task in await store.tasks(run.run_id)]

    return [name for name in _asked(parsed_args, found) if name.startswith(prefix)]


def pipelines(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Names of pipelines that were run."""

    async def found(store: FullStore) -> list[str]:
        return sorted({run.pipeline for run in await store.latest_runs()})

    return [name for name in _asked(parsed_args, found) if name.startswith(prefix)]


def keys(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Keys of entries, newest first."""

    async def found(store: FullStore) -> list[str]:
        from stepcache.stores.entry_browsing import EntryFilter

        return [entry.key for entry in await store.find_entries(EntryFilter(prefix=prefix), limit=_MOST)]

    return _asked(parsed_args, found)


def _asked(arguments: argparse.Namespace, question: Callable[[FullStore], Awaitable[list[str]]]) -> list[str]:
    """The answer of the store, if that is a file of this machine: a server may take too long."""
    import asyncio

    from stepcache.cli import places

    if not places.settings(arguments).store.startswith("sqlite:"):
        return []

    async def ask() -> list[str]:
        async with places.store_to_read(arguments) as store:
            return await question(store)

    try:
        return asyncio.run(ask())
    except Exception:  # noqa: BLE001 - whatever it is, a shell in the middle of a line is no place to say it
        return []
