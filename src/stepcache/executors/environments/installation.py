"""The packages of a lock, installed as a layer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from stepcache.executors.environments import scripts
from stepcache.executors.environments.request import Request
from stepcache.executors.environments.uv import Uv


async def install(lines: list[str], request: Request, uv: Uv, root: Path, scratch: Path) -> None:
    """Install exactly ``lines`` of a lock of ``request`` below ``root``, which is made.

    What is left is no virtual environment any more: without a Python of its own, nothing can install into it. Files
    are copies, so that nothing that happens to them reaches uv's cache, and nothing there reaches them; every file
    with a hash in the lock is checked against it. Raises OSError, and InputError and StepcacheError as
    ``uv_failure.error`` says.
    """
    doing = f"cannot install {request}"
    venv = ["venv", "--no-project", "--relocatable", "--python", str(uv.interpreter.path), str(root)]
    await uv.run(doing, venv, request, scratch)
    made_by_venv = await asyncio.to_thread(_no_directories, root, root / "bin")
    if lines:
        wanted = scratch / "requirements.txt"
        await asyncio.to_thread(_write, wanted, lines, request)
        arguments = ["pip", "sync", str(wanted), "--python", str(root / "bin" / "python"), "--link-mode", "copy"]
        await uv.run(doing, [*arguments, "--compile-bytecode", *request.options.installing()], request, scratch)
    await asyncio.to_thread(_strip, root, made_by_venv)


def _write(path: Path, lines: list[str], request: Request) -> None:
    """Nobody else may read it: here the credentials of the request are back in its URLs."""
    credentials = request.credentials()
    path.touch(mode=0o600)
    path.write_text("".join(f"{credentials.restore(line)}\n" for line in lines), encoding="utf-8")


def _no_directories(*directories: Path) -> list[Path]:
    paths = [path for directory in directories for path in directory.iterdir()]
    return [path for path in paths if path.is_symlink() or not path.is_dir()]


def _strip(root: Path, made_by_venv: list[Path]) -> None:
    """Take away what makes a directory a virtual environment: its Python, its configuration, its commands."""
    scripts.free(root / "bin", root)
    for path in (*made_by_venv, root / ".lock"):
        path.unlink(missing_ok=True)
    if not any((root / "bin").iterdir()):
        (root / "bin").rmdir()
