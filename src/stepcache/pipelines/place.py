"""Where a step runs: the Python environment of a component, known by its lock before it is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stepcache.errors import StepcacheError, StoreUnavailableError
from stepcache.executors.environments.lock import Lock
from stepcache.executors.environments.request import Request
from stepcache.executors.lightweight import LightweightComponent
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.work import StepFailedError

if TYPE_CHECKING:
    from stepcache.executors.environments.environment import Environment
    from stepcache.executors.environments.environments import Environments
    from stepcache.executors.environments.kept import KeptEnvironments


@dataclass(frozen=True, slots=True)
class Place:
    """The environment that a step needs. Looking at it resolves requirements; only ``ready`` installs anything."""

    engine: Environment
    """The engine's own environment, for components that ask for no packages."""
    request: Request | None
    executor: Mapping[str, str]
    """What runs the step, as keys name it."""

    async def ready(self, environments: Environments) -> Environment:
        """The environment, installed if need be. Raises StepFailedError when it cannot be."""
        if self.request is None:
            await environments.remember(self.engine.lock)
            return self.engine
        try:
            return await environments.ready(self.request)
        except StepcacheError as error:
            raise _failed(error) from error


class Places:
    """The places of one run's components."""

    def __init__(self, environments: KeptEnvironments, engine: Environment) -> None:
        self._environments = environments
        self._engine = Place(engine, None, engine.described())

    async def of(self, code: LightweightComponent | None) -> Place:
        """The place of a component's steps; ``code`` is None for a command that is no Python component.

        Raises StepFailedError when its requirements cannot be resolved, and UnresolvedError where they are only
        looked up, and nothing is kept.
        """
        try:
            request = None if code is None else Request.of_component(code)
            if request is None:
                return self._engine
            lock = self._environments.kept_now(request) or await self._environments.lock(request)
        except StoreUnavailableError:
            raise
        except StepcacheError as error:
            raise _failed(error) from error
        return self._with(request, lock)

    def kept(self, code: LightweightComponent | None) -> Place | None:
        """The place of a component's steps; None when its requirements have to be resolved first.

        Raises StepcacheError for requirements that cannot be.
        """
        request = None if code is None else Request.of_component(code)
        if request is None:
            return self._engine
        lock = self._environments.kept_now(request)
        return None if lock is None else self._with(request, lock)

    def _with(self, request: Request, lock: Lock) -> Place:
        return Place(self._engine.engine, request, {**self._engine.executor, "lock": lock.digest})


def _failed(error: StepcacheError) -> StepFailedError:
    return StepFailedError(f"{error} ({error.remedy})" if error.remedy else str(error))
