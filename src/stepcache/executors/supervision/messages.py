"""How the engine, the supervisor and the reapers talk: JSON objects, each behind its length.

The length has four bytes, the highest first. What is said is listed in ``supervisor_process`` and ``reaper``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def encode(message: dict[str, Any]) -> bytes:
    """A message as it travels."""
    body = json.dumps(message).encode()
    return len(body).to_bytes(4, "big") + body


class Inbox:
    """Puts messages together from what was read."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> Iterator[dict[str, Any]]:
        """The messages that are complete with ``received``."""
        self._buffer += received
        while len(self._buffer) >= 4:
            end = 4 + int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < end:
                return
            message = json.loads(self._buffer[4:end])
            del self._buffer[:end]
            yield message
