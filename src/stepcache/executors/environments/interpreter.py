"""The Python that environments are made for: the engine's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stepcache.executors import host
from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One Python installation, by its executable and by what distinguishes its packages from another one's."""

    path: Path
    """The executable of the installation itself, not of a virtual environment upon it."""
    version: str
    implementation: str
    platform: str

    @classmethod
    def of_engine(cls) -> Interpreter:
        """The Python that runs this process."""
        described = host.describe()
        return cls(
            path=Path(os.path.abspath(_base_executable())),  # noqa: PTH100 - resolve() would leave an alias
            version=described["python"],
            implementation=described["implementation"],
            platform=described["platform"],
        )

    def document(self) -> dict[str, str]:
        """What the packages of an environment depend on, as a JSON value."""
        return {"python": self.version, "implementation": self.implementation, "platform": self.platform}

    def site_packages(self, prefix: Path) -> Path:
        """The directory that packages are installed in below ``prefix``, the root of a virtual environment."""
        import sysconfig

        return Path(sysconfig.get_path("purelib", "venv", {"base": str(prefix)}))


def _base_executable() -> str:
    return getattr(sys, "_base_executable", None) or sys.executable
