"""Values that may be compared but never read: an HMAC under a key of the home."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

_FILE = "mask.key"
_BYTES = 32


class Mask:
    """Turns a value into a text that is equal for equal values of one home, and tells nothing else about it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, home: Path) -> Mask:
        """The mask of ``home``; its key is made on first use, readable by its owner only.

        Race: two engines that make the key of a new home. A file with the whole key is linked into place, which
        only one of them can do, and both read that one (``test_engines_of_one_home_share_its_mask``).
        """
        path = home / _FILE
        if not path.exists():
            home.mkdir(parents=True, exist_ok=True)
            new = home / f"{_FILE}.{secrets.token_hex(8)}"
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_BYTES))
            try:
                path.hardlink_to(new)
            except FileExistsError:
                pass  # another engine's key stands
            finally:
                new.unlink()
        return cls(path.read_bytes())

    @classmethod
    def kept(cls, home: Path) -> Mask:
        """The mask of ``home``; one like no other where none was made yet. Makes nothing."""
        path = home / _FILE
        return cls(path.read_bytes() if path.exists() else secrets.token_bytes(_BYTES))

    def __call__(self, value: str) -> str:
        """The masked value."""
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"hmac-sha256:{digest.hexdigest()}"
