"""Requirements resolved to exact distributions."""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from stepcache.errors import StepcacheError
from stepcache.executors.distributions import normalise
from stepcache.executors.environments.credentials import strip
from stepcache.executors.environments.request import Request
from stepcache.executors.environments.trees import content_digest
from stepcache.executors.environments.uv import Uv

_PREFERENCE = """lock-version = "1.0"
created-by = "stepcache"

[[packages]]
name = "kfp"
version = "{version}"
"""


async def resolve(request: Request, kfp: str, uv: Uv, scratch: Path, *, anew: bool) -> list[str]:
    """The lines of a lock that satisfies ``request``; ``scratch`` takes what is temporary.

    Where the requirements leave the version of kfp open, it is ``kfp``. With ``anew`` nothing that uv remembers of
    an index is used. Raises InputError and StepcacheError as ``uv_failure.error`` says, and OSError.
    """
    wanted, answer = await asyncio.to_thread(_prepare, request, kfp, scratch)
    arguments = ["pip", "compile", str(wanted), "--format", "pylock.toml", "--output-file", str(answer)]
    arguments += ["--python", str(uv.interpreter.path), *request.options.resolving()]
    arguments += ["--refresh"] if anew else []
    await uv.run(f"cannot resolve {request}", arguments, request, scratch)
    return await asyncio.to_thread(_lines, answer)


def _prepare(request: Request, kfp: str, directory: Path) -> tuple[Path, Path]:
    wanted, answer = directory / "requirements.txt", directory / "pylock.toml"
    wanted.touch(mode=0o600)  # it holds the credentials of the request's URLs
    wanted.write_text("".join(f"{line}\n" for line in request.requirements), encoding="utf-8")
    answer.write_text(_PREFERENCE.format(version=kfp), encoding="utf-8")  # uv prefers what its last answer held
    return wanted, answer


def _lines(path: Path) -> list[str]:
    try:
        packages = tomllib.loads(path.read_text(encoding="utf-8")).get("packages", [])
        return [_line(package, path.parent) for package in packages]
    except (ValueError, KeyError, TypeError) as error:
        raise StepcacheError(f"uv wrote a lock that cannot be read: {error!r}") from error


def _line(package: Mapping[str, Any], base: Path) -> str:
    """``base`` is what paths are relative to (PEP 751)."""
    name = normalise(package["name"])
    if vcs := package.get("vcs"):
        where = _address(vcs, base)
        inside = f"#subdirectory={vcs['subdirectory']}" if vcs.get("subdirectory") else ""
        return f"{name} @ {vcs['type']}+{where}@{vcs['commit-id']}{inside}"
    if directory := package.get("directory"):
        path = Path(os.path.normpath(base / directory["path"]))
        # There is no file to take a hash of. A comment to uv, to us what tells another content by another lock.
        return f"{name} @ {path.as_uri()} # sha256:{content_digest(path)}"
    if archive := package.get("archive"):
        inside = f"#subdirectory={archive['subdirectory']}" if archive.get("subdirectory") else ""
        return f"{name} @ {_address(archive, base)}{inside}{_hash(archive)}"
    return f"{name}=={package['version']}{_hash(_chosen(package))}"


def _address(place: Mapping[str, Any], base: Path) -> str:
    return strip(place["url"]) if place.get("url") else Path(os.path.normpath(base / place["path"])).as_uri()


def _hash(file: Mapping[str, Any] | None) -> str:
    digest = (file or {}).get("hashes", {}).get("sha256")
    return f" --hash=sha256:{digest}" if digest else ""


def _chosen(package: Mapping[str, Any]) -> Any:
    """The file that is installed: the wheel that fits this platform best, else the source."""
    wheels = list(package.get("wheels", ()))
    return min(wheels, key=_rank) if wheels else package.get("sdist")


def _rank(wheel: Mapping[str, Any]) -> int:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    name = wheel.get("name") or unquote(urlsplit(wheel.get("url") or wheel["path"]).path).rpartition("/")[2]
    try:
        tags = parse_wheel_filename(name)[3]
    except InvalidWheelFilename:
        return len(_ranks())
    return min((_ranks().get(str(tag), len(_ranks())) for tag in tags), default=len(_ranks()))


@cache
def _ranks() -> Mapping[str, int]:
    return dict(_numbered_tags())


def _numbered_tags() -> Iterator[tuple[str, int]]:
    from packaging.tags import sys_tags

    for position, tag in enumerate(sys_tags()):
        yield str(tag), position
