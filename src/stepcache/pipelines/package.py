"""Packages: a zip or a gzipped tar archive with a pipeline's file in it.

Which file that is: ``_choose_pipeline_file`` of ``kfp.Client`` and ``ReadPipelineFile`` of KFP's server, where they
agree. Nothing is unpacked to disk, so what paths an archive names does not matter.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager

from stepcache.errors import InputError
from stepcache.pipelines.input_file import LARGEST
from stepcache.pipelines.yaml_scalars import shown

LARGEST_UNPACKED = 2 * LARGEST
"""How many bytes a tar archive may have, unpacked; the pipeline in it ``LARGEST``."""
MOST_FILES = 10_000

_GZIP = b"\x1f\x8b"
_ENTRY = b"PK\x01\x02"
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_REMEDY = "pack the compiled pipeline as pipeline.yaml, or give its YAML file"
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    OSError,
    zlib.error,
    RuntimeError,  # an encrypted file
    ValueError,  # fields of a header that make no sense
    OverflowError,
)


def unpack(data: bytes, source: str) -> tuple[bytes, str]:
    """The pipeline's file in a zip or gzip file, and how to name it in errors.

    That is ``pipeline.yaml``, or else the only YAML file, or else the only JSON file. Raises InputError when there
    is no such file, or the archive is damaged, or larger than the bounds above.
    """
    unpacker = _from_tar if data.startswith(_GZIP) else _from_zip
    with _damage_named(source):
        content, name = unpacker(data, source)
    named = f"{shown(name)} in {source}"
    if len(content) > LARGEST:
        raise InputError(f"{named} is larger than {LARGEST >> 20} MiB", remedy=_REMEDY)
    return content, named


@contextmanager
def _damage_named(source: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"{source} is a damaged package: {reason}", remedy="pack it again") from error


def _from_zip(data: bytes, source: str) -> tuple[bytes, str]:
    if data.count(_ENTRY) > MOST_FILES:  # before Python makes an object of each
        raise _too_many(source)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {entry.filename: entry for entry in archive.infolist() if not entry.filename.endswith("/")}
        chosen = _choose(list(names), source)
        if names[chosen].compress_type not in _COMPRESSIONS:  # the others expand without bounds in Python
            raise zipfile.BadZipFile(f"{shown(chosen)} is compressed in a way that KFP does not read")
        with archive.open(names[chosen]) as file:
            return file.read(LARGEST + 1), chosen


def _from_tar(data: bytes, source: str) -> tuple[bytes, str]:
    with gzip.open(io.BytesIO(data)) as stream:
        unpacked = stream.read(LARGEST_UNPACKED + 1)
    if len(unpacked) > LARGEST_UNPACKED:
        raise InputError(f"{source} unpacks to more than {LARGEST_UNPACKED >> 20} MiB", remedy=_REMEDY)
    with _opened_tar(unpacked, source) as archive:
        names: dict[str, tarfile.TarInfo] = {}
        for count, member in enumerate(archive, 1):
            if count > MOST_FILES:
                raise _too_many(source)
            if member.isfile():
                names[member.name] = member
        chosen = _choose(list(names), source)
        file = archive.extractfile(names[chosen])
        if file is None:
            raise tarfile.ReadError(f"{chosen} is no file")
        with closing(file):
            return file.read(LARGEST + 1), chosen


def _opened_tar(data: bytes, source: str) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=io.BytesIO(data), mode="r:")
    except tarfile.TarError as error:
        raise InputError(f"{source} is a gzip file, but no tar archive is in it", remedy=_REMEDY) from error


def _too_many(source: str) -> InputError:
    return InputError(f"{source} holds more than {MOST_FILES:,} files", remedy=_REMEDY)


def _choose(names: list[str], source: str) -> str:
    visible = [name for name in names if not _is_macos_clutter(name)]
    for name in visible:
        if name.removeprefix("./") == "pipeline.yaml":
            return name
    for endings in ((".yaml", ".yml"), (".json",)):
        candidates = [name for name in visible if name.endswith(endings)]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            listed = ", ".join(map(shown, sorted(candidates)[:10]))
            raise InputError(f"{source} holds several files, and none is pipeline.yaml: {listed}", remedy=_REMEDY)
    raise InputError(f"{source} is a package without a YAML file", remedy=_REMEDY)


def _is_macos_clutter(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith("._")
