"""uv, run as a step is run: nothing it starts outlives the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from stepcache.errors import StepcacheError
from stepcache.executors.environments.interpreter import Interpreter
from stepcache.executors.environments.request import Request
from stepcache.executors.step import StepCommand, StepExit
from stepcache.executors.supervisor import Supervisor

_GRACE = 2.0  # seconds between TERM and KILL when a caller gives up


class Uv:
    """uv for one Python, with a cache that nothing else uses."""

    interpreter: Interpreter

    def __init__(
        self, interpreter: Interpreter, cache: Path, supervisor: Supervisor, inherited: Mapping[str, str]
    ) -> None:
        self.interpreter = interpreter
        self._cache = cache
        self._supervisor = supervisor
        self._inherited = inherited

    async def run(self, doing: str, arguments: Sequence[str], request: Request, directory: Path) -> None:
        """Run uv with ``arguments``, packages coming from where ``request`` says.

        ``directory`` takes its log, and ``doing`` says in an error what failed.
        Raises what ``uv_failure.error`` makes of its output, and StepcacheError when there is no uv. When this call
        is cancelled, uv and all it started are ended first.
        """
        log = directory / "uv.log"
        argv = (_program(), "--quiet", "--no-progress", *arguments)
        # Not in the directory of a project: its settings are none of ours.
        from stepcache.executors.environments import uv_environment, uv_failure  # of no use where nothing is made

        variables = uv_environment.build(self._inherited, request.options, self._cache)
        ended = await self._end(StepCommand(argv, variables, Path("/"), log))
        if not ended.ok:
            output = await asyncio.to_thread(log.read_text, encoding="utf-8", errors="replace")
            raise uv_failure.error(doing, output or _how(ended))

    async def compile(self, directory: Path) -> None:
        """Write the byte code of every module below ``directory`` that has none; what has errors is left out."""
        argv = (str(self.interpreter.path), "-I", "-S", "-m", "compileall", "-q", str(directory))
        await self._end(StepCommand(argv, {}, Path("/"), Path("/dev/null")))

    async def _end(self, command: StepCommand) -> StepExit:
        running = await self._supervisor.run(command)
        try:
            return await running.wait()
        except BaseException:
            await asyncio.shield(running.stop(_GRACE))
            raise


def _program() -> str:
    """The uv that came with this installation. Raises StepcacheError."""
    import uv

    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise StepcacheError(
            "the program uv is missing", remedy="Install stepcache again: uv is part of it."
        ) from error


def _how(ended: StepExit) -> str:
    return f"exit code {ended.code}" if ended.signal is None else f"ended by signal {ended.signal}"
