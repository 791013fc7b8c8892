"""User names, passwords and tokens in URLs: used where packages come from, and never kept or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stepcache.light_dataclasses import dataclass

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/\s'\"`]*@)?(?P<host>[^/\s'\"`?#]*)")


def mask(text: str) -> str:
    """``text`` for people, with ``***`` for what stands before the host in every URL."""
    return _URL.sub(lambda found: found["scheme"] + ("***@" if found["user"] else "") + found["host"], text)


def strip(text: str) -> str:
    """``text`` without what stands before the host in any URL."""
    return _URL.sub(lambda found: found["scheme"] + found["host"], text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What ``strip`` took away, by scheme and host."""

    users: dict[str, str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Credentials:
        """The credentials of every URL in ``texts``; the first one of a host counts."""
        users: dict[str, str] = {}
        for text in texts:
            for found in _URL.finditer(text):
                if found["user"]:
                    users.setdefault(found["scheme"] + found["host"], found["user"])
        return cls(users)

    def restore(self, text: str) -> str:
        """``text`` with the credentials of every host that has some."""
        return _URL.sub(self._restored, text)

    def _restored(self, found: re.Match[str]) -> str:
        user = self.users.get(found["scheme"] + found["host"], found["user"] or "")
        return f"{found['scheme']}{user}{found['host']}"
