"""What several clients did, with the moments at which each call began and was answered."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stepcache.stores.claim import (
    Busy,
    Granted,
    Hit,
    Invalidated,
    KeyState,
    Lost,
    Published,
    Put,
    Released,
    Renewed,
)
from stepcache.stores.entry import Entry

NEVER: Final = 1 << 62
"""When a call was answered that was not: its client was killed, or the history ends before."""

Answer = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. Moments are nanoseconds of the machine's monotonic clock, which all processes share."""

    client: str
    name: str
    key: str
    arguments: tuple[Any, ...]
    call: int
    returned: int = NEVER
    answer: Answer | None = None
    """None when it is not known: then nobody can say whether the call had its effect."""


class Recorder:
    """Writes a client's calls to a file, line by line, so that what was written survives the client's death."""

    def __init__(self, path: Path, client: str) -> None:
        self._client = client
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def called(self, name: str, key: str, *arguments: Any) -> None:
        """The call begins."""
        line = {"client": self._client, "name": name, "key": key, "arguments": arguments}
        self._write({**line, "call": time.monotonic_ns()})

    def answered(self, answer: Answer) -> None:
        """It was answered, a moment ago."""
        self._write({"client": self._client, "returned": time.monotonic_ns(), "answer": answer})

    def close(self) -> None:
        os.close(self._file)

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def read(paths: Iterable[Path]) -> list[Operation]:
    """The calls in all files, in the order in which they began."""
    operations = []
    for path in paths:
        open_calls: dict[str, dict[str, Any]] = {}
        for text in path.read_text().splitlines():
            line = json.loads(text)
            if "call" in line:
                open_calls[line["client"]] = line
            else:
                operations.append(_operation(open_calls.pop(line["client"]), line))
        operations += [_operation(call, {}) for call in open_calls.values()]
    return sorted(operations, key=lambda operation: operation.call)


def _operation(call: dict[str, Any], end: dict[str, Any]) -> Operation:
    return Operation(
        client=call["client"],
        name=call["name"],
        key=call["key"],
        arguments=tuple(call["arguments"]),
        call=call["call"],
        returned=end.get("returned", NEVER),
        answer=_tuples(end["answer"]) if end else None,
    )


def as_answer(answer: object) -> Answer:
    """An answer of a store in plain values; seconds become whole milliseconds."""
    match answer:
        case Hit(entry):
            return ("Hit", as_entry(entry))
        case Granted(claim, _, stale, failures, failure):
            return ("Granted", claim.token, as_entry(stale), failures, failure)
        case Busy():
            return ("Busy", *_busy(answer), answer.failures)
        case KeyState(_, published_by, busy, failures):
            return ("State", published_by, None if busy is None else _busy(busy), failures)
        case Entry() | None:
            return ("Entry", as_entry(answer))
    return _as_answer_to_a_change(answer)


def _as_answer_to_a_change(answer: object) -> Answer:
    match answer:
        case Renewed() | Released():
            return (type(answer).__name__,)
        case Published(entry):
            return ("Published", as_entry(entry))
        case Lost(revoked):
            return ("Lost", revoked)
        case Put(entry, stored):
            return ("Put", as_entry(entry), stored)
        case Invalidated(entry, claim):
            return ("Invalidated", entry, claim)
        case bool():
            return ("Withdrawn", answer)
    raise TypeError(f"no answer of a store: {answer!r}")


def as_entry(entry: Entry | None) -> Answer | None:
    """An entry in plain values."""
    if entry is None:
        return None
    return (entry.id, entry.output, entry.max_staleness, _milliseconds(entry.age), entry.published_by)


def _busy(busy: Busy) -> Answer:
    return (busy.claim_id, busy.token, busy.holder, _milliseconds(busy.lease_left), _milliseconds(busy.held_for))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
