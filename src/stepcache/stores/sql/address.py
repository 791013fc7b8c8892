"""The address of a database server, taken apart: what the driver gets, what stepcache keeps, what may be shown."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from stepcache.errors import InputError
from stepcache.light_dataclasses import dataclass

POOL_SIZE: Final = 4
"""Connections of one process to one server, by default."""
_LARGEST_POOL: Final = 100
_SECRET: Final = ("password", "sslpassword", "ssl-key-password")


@dataclass(frozen=True, slots=True)
class Address:
    """``SCHEME://USER:PASSWORD@HOSTS/DATABASE?OPTIONS``, of which every part but the scheme may be missing."""

    scheme: str
    user: str
    password: str
    hosts: str
    """As written: host, host:port, or, for drivers that know it, several of them."""
    database: str
    options: dict[str, str]
    """Those that are the driver's."""
    pool_size: int = POOL_SIZE

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @property
    def shown(self) -> str:
        """The address without password: for messages, and for ``Store.url``."""
        options = {name: value for name, value in self.options.items() if name not in _SECRET}
        if self.pool_size != POOL_SIZE:
            options["pool_size"] = str(self.pool_size)
        return self._text(_quoted(self.user), options)

    @property
    def full(self) -> str:
        """The address with password and the driver's own options only."""
        user = _quoted(self.user) + (f":{_quoted(self.password)}" if self.password else "")
        return self._text(user, self.options)

    @property
    def place(self) -> str:
        """Where the database is, in few words."""
        return f"{self.scheme}://{self.hosts}/{self.database}"

    def _text(self, user: str, options: dict[str, str]) -> str:
        query = f"?{urlencode(options)}" if options else ""
        return f"{self.scheme}://{user}{'@' if user else ''}{self.hosts}/{_quoted(self.database)}{query}"


def parse(url: str) -> Address:
    """Take ``url`` apart. Raises InputError, which never shows a password."""
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    if "#" in rest or any(character.isspace() for character in rest):
        raise InputError(
            f"the {scheme}:// URL has a character that stands for itself only when it is written %XX",
            remedy="write # as %23 and a blank as %20",
        )
    authority, _, database = rest.partition("/")
    user, _, hosts = authority.rpartition("@")
    user, _, password = user.partition(":")
    options = dict(parse_qsl(query, keep_blank_values=True))
    size = _pool_size(options.pop("pool_size", str(POOL_SIZE)))
    return Address(scheme, unquote(user), unquote(password), hosts, unquote(database), options, size)


def _pool_size(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= _LARGEST_POOL:
        return int(text)
    raise InputError(
        f"pool_size is '{text}', not a number from 1 to {_LARGEST_POOL}", remedy=f"such as ?pool_size={POOL_SIZE}"
    )


def _quoted(text: str) -> str:
    return quote(text, safe="")
