"""``stepcache entries show``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from stepcache.cli import entry_list, entry_reference, event_loop, places
from stepcache.light_dataclasses import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stepcache.artifacts.artifact import Artifact
    from stepcache.cache.output import Output
    from stepcache.stores.claim import KeyState
    from stepcache.stores.entry_browsing import EntryDetails


@dataclass(frozen=True, slots=True)
class _Shown:
    entry: EntryDetails
    output: Output | None
    """None for a text of another program."""
    artifacts: dict[Artifact, tuple[Path, str]]
    """Where each is, and whether it is intact."""
    root: Path
    state: KeyState


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    shown = event_loop.run(_found(arguments))
    if arguments.json:
        print(json.dumps(_document(shown)))
    else:
        for line in _lines(shown):
            print(line)
    return 0


async def _found(arguments: argparse.Namespace) -> _Shown:
    import asyncio

    from stepcache.cache.output import Output

    async with places.opened_to_read(arguments) as here:
        summary = await entry_reference.find_there(here.store, arguments.key)
        entry = await here.store.entry_details(summary.key)
        if entry is None:  # removed a moment ago
            raise entry_reference.missing(summary.key)
        state = (await here.store.watch([summary.key]))[summary.key]
        try:
            output = Output.from_text(entry.output)
        except ValueError:
            output = None
        store = here.cache.artifacts
        artifacts = {}
        for artifact in () if output is None else output.artifacts:
            verdict = await asyncio.to_thread(store.verify, artifact)
            artifacts[artifact] = (store.path(artifact), str(verdict))
    return _Shown(entry, output, artifacts, here.settings.artifacts, state)


def _document(shown: _Shown) -> dict[str, Any]:
    entry, output = shown.entry, shown.output
    return entry_list.document(entry.summary) | {
        "published_by": entry.summary.published_by,
        "executing": shown.state.busy is not None,
        "template": _json(entry.template),
        "parts": _json(entry.parts),
        "output": _json(entry.output),
        "rests_on": {} if output is None else dict(output.rests_on),
        "artifacts": [
            {
                "digest": item.digest,
                "size": item.size,
                "kind": str(item.kind),
                "path": str(path),
                "verdict": verdict,
            }
            for item, (path, verdict) in shown.artifacts.items()
        ],
    }


def _json(text: str) -> Any:
    """What a text means, or the text, if that is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _lines(shown: _Shown) -> Iterator[str]:
    from stepcache.cli import amounts

    entry = shown.entry.summary
    yield f"entry {entry.key}"
    if entry.run_id:
        yield f"  task {entry.task} ({entry.component}) of pipeline {entry.pipeline}, namespace {entry.namespace}"
        yield f"  from run {entry.run_id}, which executed it in {amounts.duration(entry.duration)}"
    else:
        yield "  stored by a program, not by a run"
    yield f"  stored {amounts.moment(entry.started_at)}, to be reused {_limit(entry.max_staleness)}"
    yield f"  {entry.hits} hit{'' if entry.hits == 1 else 's'}, last used {amounts.moment(entry.used_at)}"
    if shown.state.busy is not None:
        yield f"  being executed anew, since {amounts.duration(shown.state.busy.held_for)}"
    yield from _left(shown)
    yield from _texts("key made of", shown.entry.parts)
    if _json(shown.entry.parts) == {}:  # else what was executed is a part of the key
        yield from _texts("executed", shown.entry.template)


def _limit(max_staleness: int) -> str:
    from stepcache.cli import amounts

    return "without limit" if max_staleness < 0 else f"for {amounts.duration(max_staleness)}"


def _left(shown: _Shown) -> Iterator[str]:
    """The outputs, the artifacts, and the entries that this one rests on."""
    from stepcache.cli import amounts, outputs

    output = shown.output
    if output is None:
        yield from _texts("output", shown.entry.output)
        return
    yield "outputs"
    if isinstance(output.value, dict) and output.value.keys() >= {"parameters", "artifacts"}:
        for line in outputs.lines(output.value, shown.root):
            yield f"  {line}"
    else:
        yield f"  {json.dumps(output.value, ensure_ascii=False)}"
    if shown.artifacts:
        yield "artifacts"
    for artifact, (path, verdict) in shown.artifacts.items():
        yield f"  {verdict}: {artifact.kind}, {amounts.size(artifact.size)}, {path}"
    if output.rests_on:
        yield "rests on the entries"
        yield from (f"  {key}" for key in output.rests_on)


def _texts(title: str, text: str) -> Iterator[str]:
    value = _json(text)
    if value in ({}, ""):
        return
    yield title
    yield from (f"  {line}" for line in (text if value is text else _yaml(value)).splitlines())


def _yaml(value: Any) -> str:
    """``value`` as YAML, texts of several lines as they are."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def represent_text(self, text: str) -> yaml.ScalarNode:
            style = "|" if "\n" in text else None
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, Dumper.represent_text)
    return str(yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000))
