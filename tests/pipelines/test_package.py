import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial

import pytest

from stepcache.errors import InputError
from stepcache.pipelines import input_file, package
from tests.pipelines.refusal import refusal

Files = dict[str, bytes]
Packer = Callable[[Files], bytes]


def _zip(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _tar(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


both = pytest.mark.parametrize("pack", [_zip, _tar], ids=["zip", "tar.gz"])


@both
@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"pipeline.yaml": b"right"}, "pipeline.yaml"),
        ({"a.yaml": b"", "pipeline.yaml": b"right", "b.yaml": b""}, "pipeline.yaml"),
        ({"a.yaml": b"", "./pipeline.yaml": b"right"}, "./pipeline.yaml"),
        ({"notes.txt": b"", "train.yml": b"right"}, "train.yml"),
        ({"deep/er/train.yaml": b"right", "pipeline.json": b""}, "deep/er/train.yaml"),
        ({"pipeline.json": b"right"}, "pipeline.json"),
        ({"../../../etc/train.yaml": b"right"}, "../../../etc/train.yaml"),
        ({"/etc/train.yaml": b"right"}, "/etc/train.yaml"),
        ({"__MACOSX/._pipeline.yaml": b"", "._x.yaml": b"", "pipeline.yaml": b"right"}, "pipeline.yaml"),
    ],
)
def test_the_pipeline_in_a_package(pack: Packer, files: Files, name: str) -> None:
    data = pack(files)
    assert package.unpack(data, "p.zip") == (b"right", f"{name} in p.zip")


@both
@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is a package without a YAML file"),
        ({"notes.txt": b"", "._pipeline.yaml": b""}, "is a package without a YAML file"),
        ({"b.yaml": b"", "a.yaml": b""}, r"holds several files, and none is pipeline.yaml: a.yaml, b.yaml"),
        ({"\x1b[2J.yaml": b"", "a.yaml": b""}, r".* none is pipeline.yaml: \\x1b\[2J.yaml, a.yaml"),
        ({f"{n}.txt": b"" for n in range(package.MOST_FILES + 1)}, "holds more than 10,000 files"),
    ],
)
def test_a_package_without_one_pipeline(pack: Packer, files: Files, message: str) -> None:
    with pytest.raises(InputError, match=f"^p.zip {message}") as caught:
        package.unpack(pack(files), "p.zip")
    assert caught.value.remedy


@both
def test_a_bomb_is_not_unpacked(pack: Packer) -> None:
    data = pack({"pipeline.yaml": bytes(input_file.LARGEST + 1)})
    assert len(data) < 100_000
    with pytest.raises(InputError, match=r"pipeline.yaml in p.zip is larger than 32 MiB"):
        package.unpack(data, "p.zip")


def test_a_tar_archive_is_bounded_as_a_whole() -> None:
    data = _tar({"first.bin": bytes(package.LARGEST_UNPACKED), "pipeline.yaml": b"x"})
    with pytest.raises(InputError, match=r"p.tgz unpacks to more than 64 MiB"):
        package.unpack(data, "p.tgz")


def _endless_tar() -> bytes:
    """A member whose size is negative, so that the next member is itself again."""
    header = bytearray(tarfile.TarInfo("x.txt").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 4 + struct.pack(">q", -512)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return gzip.compress(bytes(header) + bytes(10_240))


def _encrypted(data: bytes) -> bytes:
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    changed = bytearray(data)
    changed[local + 6] |= 1
    changed[central + 8] |= 1
    return bytes(changed)


def _link_only() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("pipeline.yaml")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    return buffer.getvalue()


GOOD_ZIP, GOOD_TAR = _zip({"pipeline.yaml": b"content" * 100}), _tar({"pipeline.yaml": b"content" * 100})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (GOOD_ZIP[:-30], "is a damaged package"),
        (GOOD_ZIP[:40] + b"\xff\xff\xff\xff" + GOOD_ZIP[44:], "is a damaged package"),
        (b"PK\x03\x04 and nothing more", "is a damaged package"),
        (_encrypted(GOOD_ZIP), "is a damaged package: .*encrypted"),
        (_zip({"a.yaml": b"x"}, zipfile.ZIP_BZIP2), "is compressed in a way that KFP does not read"),
        (_zip({"a.yaml": b"x"}, zipfile.ZIP_LZMA), "is compressed in a way that KFP does not read"),
        (GOOD_TAR[:-20], "is a damaged package"),
        (b"\x1f\x8b", "is a damaged package"),
        (b"\x1f\x8b and nothing more", "is a damaged package"),
        (gzip.compress(b"pipelineInfo: {name: x}\n" * 100), "is a gzip file, but no tar archive is in it"),
        (gzip.compress(b""), "is a gzip file, but no tar archive is in it"),
        (_endless_tar(), ""),
        (_link_only(), "is a package without a YAML file"),
    ],
)
def test_a_damaged_or_strange_package_is_one_clear_error(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"p.zip.*{message}|{message}.*p.zip") as caught:
        package.unpack(data, "p.zip")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("data", "packed"),
    [(GOOD_ZIP, bytes), (GOOD_TAR, bytes), (gzip.decompress(GOOD_TAR)[:1500], lambda data: gzip.compress(data, 1))],
    ids=["zip", "gzip", "tar"],
)
def test_no_damage_raises_anything_else(data: bytes, packed: Callable[[bytes], bytes]) -> None:
    for position in range(len(data)):
        for damage in (0x00, 0x31, 0xFF):
            damaged = packed(data[:position] + bytes([damage]) + data[position + 1 :])
            refused = refusal(InputError, partial(package.unpack, damaged, "p.zip"))
            assert refused is None or "p.zip" in str(refused)
