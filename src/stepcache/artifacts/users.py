"""Which stores keep their outputs in an artifact store: what one of them does not refer to, another may."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path


class Users:
    """One small file for each store, under its identity, with its address for people."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def register(self, identity: str, url: str) -> None:
        """Note the store, if it is not noted yet: before anything of it is here. Raises OSError."""
        path = self.directory / identity
        if path.exists():
            return
        self.directory.mkdir(exist_ok=True)
        new = self.directory / f".{secrets.token_hex(8)}"
        try:
            new.write_text(json.dumps({"store": url}) + "\n", encoding="utf-8")
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def all(self) -> Mapping[str, str]:
        """The address of each store, by its identity. Raises OSError."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for path in sorted(self.directory.iterdir()):
                if not path.name.startswith("."):
                    found[path.name] = _address(path)
        return found


def _address(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["store"])
    except (ValueError, KeyError, TypeError):
        return "a store whose address is not readable"
