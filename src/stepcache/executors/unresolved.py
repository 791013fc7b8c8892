"""What has to be found out before a step's key is known, and by whoever only looks is not."""

from __future__ import annotations

from enum import StrEnum


class Unresolved(StrEnum):
    """What is missing."""

    PACKAGES = "packages"
    """Which packages a set of requirements comes to."""
    IMAGE = "image"
    """What an image is that is not on this machine, or is to be pulled anew."""


class UnresolvedError(Exception):
    """Whoever asks resolves and pulls nothing. ``str()`` names what is missing."""

    def __init__(self, what: Unresolved, name: str) -> None:
        super().__init__(name)
        self.what = what
