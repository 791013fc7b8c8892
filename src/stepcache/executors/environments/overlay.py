"""The Python of one step: what it shares with others below, and what it installs itself on top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from stepcache.executors.environments.interpreter import Interpreter
from stepcache.light_dataclasses import dataclass

_LAYERS = "_stepcache_layers.pth"
_PIP = '#!/bin/sh\nexec "${0%/*}/python3" -P -m pip "$@"\n'


@dataclass(frozen=True, slots=True)
class Overlay:
    """A virtual environment of one step's own, upon layers that it reads and never writes.

    pip and uv install into the virtual environment that they run in and uninstall from it only (pip: "outside
    environment"), whoever runs them. So what a step installs, upgrades or removes is seen by that step alone: it
    comes before the layers on the step's path, and goes with the step's directory.
    """

    prefix: Path
    """``sys.prefix`` of the step."""
    site_packages: Path
    """What the step installs goes here."""
    scripts: tuple[Path, ...]
    """Directories of programs, which come first on the step's ``PATH``."""

    @property
    def python(self) -> Path:
        """The interpreter that the step is started with: ``sys.executable`` of the step."""
        return self.prefix / "bin" / "python3"

    def variables(self, complete: Mapping[str, str]) -> dict[str, str]:
        """The environment variables of the step, given those it would have without an overlay.

        ``PATH`` begins with the overlay's programs and the environment's, also when a component declares its own.
        """
        programs = ":".join([*map(str, self.scripts), *([complete["PATH"]] if complete.get("PATH") else [])])
        return {
            # uv links to its cache by default: a change of an installed file would change the cache
            "UV_LINK_MODE": "copy",
            **complete,
            "PATH": programs,
            "VIRTUAL_ENV": str(self.prefix),
        }


def make(
    prefix: Path,
    interpreter: Interpreter,
    layers: Iterable[Path],
    scripts: Iterable[Path] = (),
    data: Mapping[str, Path] | None = None,
) -> Overlay:
    """Make the virtual environment ``prefix`` upon ``layers``, directories of packages, the first one winning.

    ``data`` are files of the layers that programs look for below ``sys.prefix``; they are linked one by one, so
    that what the step installs beside them stays its own. Takes about half a millisecond. Raises OSError.
    """
    site_packages = interpreter.site_packages(prefix)
    programs = prefix / "bin"
    site_packages.mkdir(parents=True)
    programs.mkdir()
    (prefix / "lib64").symlink_to("lib")
    settings = (f"home = {interpreter.path.parent}", "include-system-site-packages = false")
    (prefix / "pyvenv.cfg").write_text(
        "\n".join([*settings, f"version = {interpreter.version}\n"]), encoding="utf-8"
    )
    (programs / "python").symlink_to(interpreter.path)
    for name in ("python3", _versioned(interpreter)):
        (programs / name).symlink_to("python")
    for name in ("pip", "pip3"):
        (programs / name).write_text(_PIP, encoding="utf-8")
        (programs / name).chmod(0o755)
    # One line for each: a line is executed by itself. In ASCII, whatever the path.
    lines = [f"import site; site.addsitedir({str(layer)!a})\n" for layer in layers]
    (site_packages / _LAYERS).write_text("".join(lines), encoding="ascii")
    for name, source in (data or {}).items():
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).symlink_to(source)
    return Overlay(prefix, site_packages, (programs, *scripts))


def _versioned(interpreter: Interpreter) -> str:
    return "python" + ".".join(interpreter.version.split(".")[:2])
