"""The options of a ``mysql://`` URL, under the names that MySQL's own clients use."""

from __future__ import annotations

import ssl
from typing import Any, Final, Self

from stepcache.errors import InputError
from stepcache.light_dataclasses import dataclass
from stepcache.stores.sql.address import Address

_MODES: Final = ("DISABLED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_KNOWN: Final = frozenset({"unix_socket", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "ssl-key-password"})
_PORT: Final = 3306
_REMEDY: Final = "mysql://USER:PASSWORD@HOST:PORT/DATABASE, with ?unix_socket= or ?ssl-mode=; see docs/databases.md"


@dataclass(frozen=True, slots=True)
class Options:
    """Where the server is, and how what is said to it is kept from others."""

    host: str
    port: int
    unix_socket: str
    tls: ssl.SSLContext | None

    @classmethod
    def parse(cls, address: Address) -> Self:
        """Raises InputError for what cannot be."""
        if not address.database:
            raise InputError(f"{address.place} names no database", remedy=_REMEDY)
        options = {
            name.replace("_", "-").replace("unix-", "unix_"): value for name, value in address.options.items()
        }
        unknown = sorted(options.keys() - _KNOWN)
        if unknown:
            raise InputError(f"the URL of {address.place} has the unknown option '{unknown[0]}'", remedy=_REMEDY)
        host, port = _host(address)
        return cls(host, port, options.get("unix_socket", ""), _tls(options, address))

    def arguments(self) -> dict[str, Any]:
        """What the driver is called with."""
        if self.unix_socket:
            return {"unix_socket": self.unix_socket, "ssl": self.tls}
        return {"host": self.host, "port": self.port, "ssl": self.tls}


def _host(address: Address) -> tuple[str, int]:
    hosts = address.hosts
    if hosts.startswith("["):
        host, _, port = hosts[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = hosts.partition(":")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 2**16):
        raise InputError(f"'{port}' in {address.place} is no port", remedy=_REMEDY)
    return host or "localhost", int(port or _PORT)


def _tls(options: dict[str, str], address: Address) -> ssl.SSLContext | None:
    given = any(name.startswith("ssl-") for name in options)
    mode = options.get("ssl-mode", "VERIFY_IDENTITY" if given else "DISABLED").upper()
    if mode not in _MODES:
        raise InputError(f"ssl-mode of {address.place} is '{mode}'", remedy=f"one of {', '.join(_MODES)}")
    if mode == "DISABLED":
        return None
    try:
        context = ssl.create_default_context(cafile=options.get("ssl-ca"))
        if "ssl-cert" in options:
            password = options.get("ssl-key-password")
            context.load_cert_chain(options["ssl-cert"], options.get("ssl-key"), password)
    except OSError as error:
        raise InputError(
            f"a certificate or key in the URL of {address.place} cannot be used: {error}", remedy=_REMEDY
        ) from error
    context.check_hostname = mode == "VERIFY_IDENTITY"
    if mode == "REQUIRED" and "ssl-ca" not in options:
        context.verify_mode = ssl.CERT_NONE
    return context
