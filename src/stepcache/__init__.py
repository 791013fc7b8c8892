"""The execution cache for Kubeflow Pipelines: one row per key, one live execution per key.

Importing this package imports nothing else; each name below is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepcache.api import open, open_async  # noqa: A004 - read as stepcache.open
    from stepcache.cache.blocking import BlockingCache
    from stepcache.cache.cache import Cache
    from stepcache.cache.result import Result
    from stepcache.errors import (
        ArtifactStoreUnavailableError,
        ExecutionFailedError,
        InputError,
        LeaseLostError,
        StepcacheError,
        StoreUnavailableError,
    )
    from stepcache.keys.parts import key

__all__ = [
    "ArtifactStoreUnavailableError",
    "BlockingCache",
    "Cache",
    "ExecutionFailedError",
    "InputError",
    "LeaseLostError",
    "Result",
    "StepcacheError",
    "StoreUnavailableError",
    "key",
    "open",
    "open_async",
]

_HOMES = {
    "ArtifactStoreUnavailableError": "errors",
    "BlockingCache": "cache.blocking",
    "Cache": "cache.cache",
    "ExecutionFailedError": "errors",
    "InputError": "errors",
    "LeaseLostError": "errors",
    "Result": "cache.result",
    "StepcacheError": "errors",
    "StoreUnavailableError": "errors",
    "key": "keys.parts",
    "open": "api",
    "open_async": "api",
}


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'") from None
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
