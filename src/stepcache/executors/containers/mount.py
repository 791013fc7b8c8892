"""Directories and files of this machine that a container sees."""

from __future__ import annotations

from pathlib import Path

from stepcache.errors import InputError
from stepcache.light_dataclasses import dataclass

_QUOTED = frozenset(',"\r\n')  # what the list of fields that --mount takes cannot hold as it is, in every podman


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or directory of this machine, at a place in the container."""

    source: Path
    """It exists: an absolute path."""
    target: str
    """An absolute path in the container."""
    read_only: bool = True

    @classmethod
    def in_place(cls, path: Path, *, read_only: bool = True) -> Mount:
        """``path`` at the same path."""
        return cls(path, str(path), read_only)

    def arguments(self) -> tuple[str, str]:
        """The option that mounts it.

        ``--mount`` where it can be: it refuses a source that is not there, where docker's ``--volume`` would make a
        directory that belongs to root. Raises InputError for a path that neither can name, or that is not there.
        """
        source = str(self.source)
        for path in (source, self.target):
            if not path.startswith("/"):
                raise InputError(f"{path!r} cannot be mounted in a container: it is no absolute path")
        if not self.source.exists():
            raise InputError(f"{source} cannot be mounted in a container: it does not exist")
        text = source + self.target
        if not _QUOTED.intersection(text):
            readonly = ",readonly" if self.read_only else ""
            return "--mount", f"type=bind,source={source},target={self.target}{readonly}"
        if ":" not in text and not {"\r", "\n"}.intersection(text):
            return "--volume", f"{source}:{self.target}:{'ro' if self.read_only else 'rw'}"
        raise InputError(
            f"{source!r} cannot be mounted in a container at {self.target!r}: it holds what no option can pass on",
            remedy="use a path without commas, quotes, colons and line breaks",
        )
