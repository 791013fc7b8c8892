"""Images by name, and what a name stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from stepcache.errors import InputError
from stepcache.light_dataclasses import dataclass


class PullPolicy(StrEnum):
    """When an image is pulled, in the words of Kubernetes and of KFP's platform spec (``imagePullPolicy``)."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"

    @classmethod
    def parse(cls, text: str) -> PullPolicy:
        """Read a policy; empty stands for ``IfNotPresent``. Raises InputError for another word.

        Kubernetes defaults to ``Always`` for the tag ``latest``. Here an image that is on the machine is taken:
        the key holds what it really is, and images that were built here are in no registry.
        """
        try:
            return cls(text) if text else cls.IF_NOT_PRESENT
        except ValueError:
            raise InputError(f"'{text}' is no image pull policy", remedy=f"use one of {', '.join(cls)}") from None


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is on this machine."""

    name: str
    """As the pipeline writes it."""
    identifier: str
    """``sha256:`` and 64 hex digits, over everything that is in the image. It is run by this, whatever its name
    comes to stand for meanwhile.
    """
    platform: str
    """Operating system and architecture, such as ``linux/amd64``."""

    def describe(self) -> dict[str, str]:
        """What a step in this image runs on: the part of the strict key that names it. Which program runs the
        container is not in it.
        """
        return {"kind": "container", "image": self.identifier, "platform": self.platform}


_NAME = re.compile(r"[a-zA-Z0-9][^\s\x00-\x1f]*")


def check_name(name: str) -> None:
    """Raise InputError for what no image can be called. In particular, a name never reads as an option."""
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is not the name of an image")


def full_name(name: str) -> str:
    """The name with its registry: docker's own rule, by which Kubernetes reads names too. podman has others."""
    head, slash, _ = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def candidates(name: str, *, is_podman: bool) -> Sequence[str]:
    """The names to look for on this machine, the right one first. With podman, an image that was built here is
    ``localhost/name``, and is found by the short name.
    """
    return (name,) if not is_podman else tuple(dict.fromkeys((full_name(name), name)))
