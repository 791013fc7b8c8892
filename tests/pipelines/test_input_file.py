import os
import threading
from pathlib import Path

import pytest

from stepcache.errors import InputError
from stepcache.pipelines import input_file


def test_files_and_pipes_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    assert input_file.read(path, remedy="r") == b"x" * 100_000

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"y" * 200_000,))
    writer.start()
    assert input_file.read(pipe, remedy="r") == b"y" * 200_000
    writer.join()


def test_the_largest_file_is_read_and_one_byte_more_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_file, "LARGEST", 3 << 20)
    path = tmp_path / "file"
    path.write_bytes(b"x" * (3 << 20))
    assert len(input_file.read(path, remedy="r")) == 3 << 20
    path.write_bytes(b"x" * ((3 << 20) + 1))
    with pytest.raises(InputError, match="file is larger than 3 MiB"):
        input_file.read(path, remedy="r")


def test_an_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(InputError, match="/dev/zero is larger than 32 MiB"):
        input_file.read(Path("/dev/zero"), remedy="r")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent", "No such file or directory"),
        ("", "Is a directory"),
        ("link", "Too many levels of symbolic links"),
        ("x" * 300, "File name too long"),
        ("nul\0", "embedded null byte"),
        ("/proc/self/mem", "Input/output error"),  # what opens and cannot be read
    ],
)
def test_what_cannot_be_read_is_named_with_its_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(InputError, match=f"^cannot read .*{reason}") as caught:
        input_file.read(tmp_path / name, remedy="do this")
    assert caught.value.remedy == "do this"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0)
    with pytest.raises(InputError, match="Permission denied"):
        input_file.read(path, remedy="r")
