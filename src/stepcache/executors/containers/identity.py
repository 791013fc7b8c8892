"""What a container is called, and the labels by which it is found again."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from stepcache.container_engine import OWNER_LABEL
from stepcache.light_dataclasses import dataclass

_STEP_LABEL = "stepcache.step"
_LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class Identity:
    """The names of one container."""

    token: str
    """128 random bits in hex: no other container has, or ever had, this one."""
    name: str
    """For people who list containers; unique by the token's first half."""
    labels: Mapping[str, str]
    """All of them, the one that names the owner included."""

    @classmethod
    def new(cls, owner: str, labels: Mapping[str, str]) -> Identity:
        """Names for a new container of ``owner``; a label ``task`` lends its value to the container's name."""
        token = secrets.token_hex(16)
        word = re.sub(r"[^a-zA-Z0-9]+", "-", labels.get("task", ""))[:_LONGEST_WORD].strip("-")
        described = {f"stepcache.{key}": value for key, value in labels.items()}
        return cls(
            token,
            "-".join(("stepcache", *([word] if word else []), token[:16])),
            {**described, OWNER_LABEL: owner, _STEP_LABEL: token},
        )

    @property
    def label(self) -> str:
        """The label that this container alone carries."""
        return f"{_STEP_LABEL}={self.token}"
