"""What a store is known by wherever it is reached, to those who keep something for it."""

from __future__ import annotations

import secrets
from typing import Final

from stepcache.stores.contract import Store

_NAME: Final = "identity"


async def identity(store: Store) -> str:
    """128 random bits in hex, made when they are first asked for. The copy of a database has the original's."""
    return await store.settle(_NAME, secrets.token_hex(16))


async def known_identity(store: Store) -> str | None:
    """The same, if it was ever asked for."""
    return await store.settled(_NAME)
