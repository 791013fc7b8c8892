"""Every error that stepcache raises on purpose.

A lost race is a value, not an exception (see ``stores.contract``); what is raised is a surprise or a mistake.
Each error carries one sentence that names the place and, where there is one, the remedy; the command line prints
both and exits with ``exit_code``.
"""

from __future__ import annotations

from typing import ClassVar


class StepcacheError(Exception):
    """The root of the family. ``str()`` is one sentence; ``remedy`` says what to do about it, or is empty."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class InputError(StepcacheError):
    """What the user handed in is wrong: a file, a parameter, a key, a setting. Nothing was run or written."""

    exit_code = 2


class StoreUnavailableError(StepcacheError):
    """The store could not answer. Never reported as a miss: nothing is known about the key."""

    exit_code = 3


class ArtifactStoreUnavailableError(StoreUnavailableError):
    """The artifact store could not be read or written. Never reported as a missing artifact."""


class LeaseLostError(StepcacheError):
    """The lease was lost while the value was being produced: the value, if there is one, was not stored."""

    def __init__(self, message: str, *, value: object = None, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.value = value
        """What was produced all the same; None when producing was stopped."""


class ExecutionFailedError(StepcacheError):
    """The executions that this caller waited for failed as often as the caller would have tried itself."""
