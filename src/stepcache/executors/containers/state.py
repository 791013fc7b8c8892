"""How a container ended: what its engine says of it, and what follows from that. Pure."""

from __future__ import annotations

from typing import Any, Self

from stepcache.executors import signals
from stepcache.executors.step import StepExit
from stepcache.light_dataclasses import dataclass

_ENDED = frozenset({"exited", "stopped", "dead"})
_NOT_STARTED = frozenset({"created", "configured", "initialized"})
_LAST_SIGNAL = 64
_UNKNOWN = "so how it ended is not known"
_START_PROBLEMS = {
    126: "its command cannot be executed in the image",
    127: "its command is not in the image",
}


@dataclass(frozen=True, slots=True)
class State:
    """``.State`` of a container, as docker and podman both describe it."""

    status: str
    code: int
    out_of_memory: bool
    error: str

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """Read the JSON form. Raises KeyError, TypeError or ValueError for what is none."""
        return cls(
            status=str(document["Status"]).lower(),
            code=int(document["ExitCode"]),
            out_of_memory=bool(document.get("OOMKilled")),
            error=str(document.get("Error") or ""),
        )


def judge(client: StepExit, state: State | None, program: str) -> StepExit:
    """How the step ended, by its client's end and by its container's, which is None where there is none.

    A success needs both to say so. An exit code that nobody saw is no zero: podman shows 0 for a container whose
    monitor was killed, and docker's client ends well when the container is gone before it asks.
    """
    if state is None:
        if client.code == 0 or client.signal is not None:
            return StepExit(None, None, f"lost its container, {_UNKNOWN}")
        return _failed(client.code, f"was not started: {program} did not make its container (see the log)")
    if state.status in _NOT_STARTED:
        return _not_started(client, state, program)
    if state.status not in _ENDED:
        return StepExit(None, None, f"was still running when its '{program} run' {client.describe()}, {_UNKNOWN}")
    if state.code != 0:
        return StepExit(state.code, None, _bad_end(state))
    if not client.ok:
        return StepExit(None, None, f"had its '{program} run' end early ({client.describe()}), {_UNKNOWN}")
    return StepExit(0, None)


def _failed(code: int | None, problem: str) -> StepExit:
    return StepExit(code or None, None, problem)


def _not_started(client: StepExit, state: State, program: str) -> StepExit:
    code = state.code or client.code
    reason = _START_PROBLEMS.get(code or 0, f"{program} could not start its container")
    return _failed(code, f"was not started: {reason} ({state.error or 'see the log'})")


def _bad_end(state: State) -> str:
    words = f"ended with exit code {state.code}"
    if state.out_of_memory:
        return f"{words}: it ran out of the memory that its container may use"
    number = state.code - 128
    if 0 < number <= _LAST_SIGNAL:
        return f"{words}, which stands for {signals.name(number)}"
    return f"{words}: {state.error}" if state.error else words
