"""Packages made on the spot: wheels that install without a network, and sources with a build of their own."""

from __future__ import annotations

import base64
import hashlib
import textwrap
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def wheel(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Iterable[str] = (),
    files: Mapping[str, str] | None = None,
    commands: Iterable[str] = (),
) -> Path:
    """A wheel with a module ``name`` whose ``VERSION`` is ``version``; each command calls its ``main``."""
    information = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": f"import sys\nVERSION = {version!r}\n\ndef main():\n    print(sys.executable)\n",
        f"{information}/METADATA": "\n".join(
            [
                "Metadata-Version: 2.1",
                f"Name: {name}",
                f"Version: {version}",
                *(f"Requires-Dist: {one}" for one in requires),
                "",
            ]
        ),
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **(files or {}),
    }
    if entries := "".join(f"{command} = {name}:main\n" for command in commands):
        members[f"{information}/entry_points.txt"] = f"[console_scripts]\n{entries}"
    record = "".join(f"{path},sha256={_hash(text)},{len(text.encode())}\n" for path, text in members.items())
    members[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), text)
    return path


def source(directory: Path, name: str, building: str = "") -> Path:
    """A source tree whose build runs the statements ``building`` before it makes the wheel."""
    directory.mkdir(parents=True)
    (directory / "pyproject.toml").write_text(
        textwrap.dedent(f"""\
            [project]
            name = "{name}"
            version = "1.0"
            [build-system]
            requires = []
            build-backend = "backend"
            backend-path = ["."]
            """)
    )
    (directory / "backend.py").write_text(
        f"import runpy\n\n"
        f"def build_wheel(directory, settings=None, metadata=None):\n"
        f"{textwrap.indent(building or 'pass', '    ')}\n"
        f"    make = runpy.run_path({__file__!r})['wheel']\n"
        f"    return make(__import__('pathlib').Path(directory), {name!r}).name\n"
    )
    return directory


def _hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
