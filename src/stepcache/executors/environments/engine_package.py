"""A package of the engine's own environment, as a layer that steps can have alone.

Steps run KFP's executor and may call pip, as in KFP's images. Both come from where the engine runs, so that neither
needs an index: kfp in the version that the engine has, without its dependencies, as KFP's own command installs it.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
from pathlib import Path

from stepcache.errors import StepcacheError
from stepcache.executors.environments.uv import Uv
from stepcache.light_dataclasses import dataclass

_NEEDED = {"kfp": "kfp/dsl/executor_main.py", "pip": "pip/__main__.py"}


@dataclass(frozen=True, slots=True)
class EnginePackage:
    """One distribution that is installed where the engine runs."""

    name: str
    version: str
    files: tuple[Path, ...]
    """In site-packages, relative to it; scripts and byte code are left out."""
    source: Path
    fingerprint: str
    """Tells another installation by another text."""

    @classmethod
    def find(cls, name: str) -> EnginePackage:
        """The installed distribution ``name``, ``kfp`` or ``pip``.

        Raises StepcacheError when it is missing, or was installed without its files (as editable).
        """
        from importlib import metadata  # half of what importing the environments would cost

        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise StepcacheError(
                f"{name} is not installed where stepcache runs", remedy=f"pip install {name}"
            ) from None
        files = tuple(sorted(Path(file) for file in found.files or () if _is_copied(Path(file))))
        if Path(_NEEDED[name]) not in files:
            raise StepcacheError(
                f"{name} {found.version} is installed without a list of its files, and cannot be copied for steps",
                remedy=f"Install it from a wheel, not as editable: pip install {name}=={found.version}",
            )
        record = found.read_text("RECORD") or ""
        fingerprint = hashlib.sha256(record.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return cls(name, found.version, files, Path(str(found.locate_file(""))), fingerprint)

    @property
    def layer(self) -> str:
        """The name of its layer."""
        return f"{self.name}-{self.version}-{sys.implementation.cache_tag}-{self.fingerprint}"

    async def make(self, root: Path, uv: Uv) -> None:
        """Copy it into the site-packages below ``root``, and compile it. Raises OSError."""
        target = uv.interpreter.site_packages(root)
        await asyncio.to_thread(self._copy, target)
        await uv.compile(target)

    def _copy(self, target: Path) -> None:
        for file in self.files:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.source / file, target / file)


def _is_copied(file: Path) -> bool:
    return not file.is_absolute() and ".." not in file.parts and "__pycache__" not in file.parts
