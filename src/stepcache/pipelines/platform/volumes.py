"""Directories in place of persistent volumes, below the home, and those that the user gives.

A volume that ``createPVC`` made outlives its run, as a claim in a cluster does, until ``deletePVC`` or the user
removes it. It is known by its name and by an *incarnation*, which differs for every volume that was ever made: a
volume that was deleted and made anew is empty, so what was done to the old one must not count as done to it.
"""

from __future__ import annotations

import errno
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from stepcache.artifacts import scratch
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.platform.bindings import is_name

_MARKER = "volume.json"
_DATA = "data"
_IN_THE_MAKING = "+new."  # "+" is in no name of Kubernetes
_ON_THE_WAY_OUT = "+old."


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory that steps mount."""

    name: str
    path: Path
    incarnation: str
    """Empty for a directory of the user's: it is what its owner says it is."""
    generated: bool = False
    """Whether its name was made up for one run, so that no other run will ever see it."""

    @property
    def label(self) -> str:
        """How keys name it."""
        return f"{self.name}#{self.incarnation}" if self.incarnation else self.name


class Volumes:
    """The volumes that the tasks of one namespace see."""

    def __init__(self, home: Path, namespace: str, given: Mapping[str, Path]) -> None:
        self._directory = home / "volumes" / f"ns-{quote(namespace, safe='')}"
        self._given = given

    def is_given(self, name: str) -> bool:
        """Whether the user gave the volume of this name."""
        return name in self._given

    def find(self, name: str) -> Volume | None:
        """The volume of this name: the user's, else one that was made; None when there is neither."""
        if name in self._given:
            return Volume(name, self._given[name], "")
        if not is_name(name):
            return None
        try:
            marker = json.loads((self._directory / name / _MARKER).read_bytes())
        except FileNotFoundError:
            return None
        return Volume(name, self._directory / name / _DATA, marker["incarnation"], marker["generated"])

    def make(self, name: str, *, generated: bool = False) -> tuple[Volume, bool]:
        """The volume of this name, and whether it was made just now; one that is there is kept with its data.

        Race: two runs that make one name. A whole directory is renamed into place, which only one of them can do,
        and both go on with that one (``test_two_makers_of_one_volume_get_the_same_one``).
        Raises ValueError for what is no name, and OSError.
        """
        if not is_name(name):
            raise ValueError(f"'{name}' cannot be the name of a volume claim")
        found = self.find(name)
        if found is not None:
            return found, False
        new = self._directory / f"{_IN_THE_MAKING}{secrets.token_hex(8)}"
        (new / _DATA).mkdir(parents=True)
        incarnation = secrets.token_hex(8)
        (new / _MARKER).write_text(json.dumps({"incarnation": incarnation, "generated": generated}))
        try:
            new.rename(self._directory / name)
        except OSError as error:
            scratch.remove(new)
            found = self.find(name)
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) or found is None:
                raise
            return found, False
        return Volume(name, self._directory / name / _DATA, incarnation, generated), True

    def delete(self, name: str) -> bool:
        """Remove a volume that was made, with its data; False when there is none of this name.

        It is gone at once for whoever asks, and then removed. Raises ValueError for a volume of the user's.
        """
        if name in self._given:
            raise ValueError(f"the volume '{name}' is {self._given[name]}, given by the user")
        if self.find(name) is None:
            return False
        old = self._directory / f"{_ON_THE_WAY_OUT}{secrets.token_hex(8)}"
        try:
            (self._directory / name).rename(old)
        except FileNotFoundError:
            return False  # someone else was faster
        for left in self._directory.glob(f"{_ON_THE_WAY_OUT}*"):  # of this and of a deletion that was cut off
            scratch.remove(left)
        return True
