"""Where packages come from, and what becomes of the passwords on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepcache.errors import InputError, StepcacheError
from stepcache.executors.environments.request import Request
from tests.executors.environments.conftest import Opening
from tests.executors.environments.indexes import index
from tests.executors.environments.packages import wheel

_SECRET = "s3cr3t-w0rd"


@pytest.fixture
def host(links: Path) -> Iterator[str]:
    with index(links, f"me:{_SECRET}") as host:
        yield host


def _files_that_tell(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() and _SECRET.encode() in path.read_bytes()]


async def test_an_index_of_the_component_is_used_and_its_password_not_kept(
    host: str, opened: Opening, home: Path
) -> None:
    told: list[str] = []
    request = Request.of(["alpha<2"], ["--index-url", f"http://me:{_SECRET}@{host}/simple"])
    environment = await opened(report=told.append).ready(request)
    assert environment.lock.distributions["beta"] == "1.0"
    assert _SECRET not in environment.lock.text + "".join(told)
    assert _files_that_tell(home) == []


async def test_the_password_of_a_url_is_used_and_not_kept(host: str, opened: Opening, home: Path) -> None:
    url = f"http://me:{_SECRET}@{host}/files/beta-1.0-py3-none-any.whl"
    environment = await opened().ready(Request.of([f"beta @ {url}"], ["--no-index"]))
    assert environment.lock.distributions["beta"] == f"http://{host}/files/beta-1.0-py3-none-any.whl"
    assert "--hash=sha256:" in environment.lock.text
    assert _files_that_tell(home) == []


@pytest.mark.parametrize("variable", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"])
async def test_the_users_own_index_is_used(variable: str, host: str, opened: Opening) -> None:
    inherited = {"PATH": os.environ["PATH"], variable: f"http://me:{_SECRET}@{host}/simple"}
    lock = await opened(inherited=inherited).lock(Request.of(["alpha"]))
    assert lock.distributions["alpha"] == "2.0"


async def test_the_best_version_of_all_indexes_wins_as_with_pip(host: str, opened: Opening, tmp_path: Path) -> None:
    wheel(tmp_path / "more", "alpha", "5.0", requires=["beta"])
    with index(tmp_path / "more", "you:too") as more:
        options = ["--index-url", f"http://me:{_SECRET}@{host}/simple", "--trusted-host", host]
        options += ["--extra-index-url", f"http://you:too@{more}/simple"]
        lock = await opened().lock(Request.of(["alpha"], options))
    assert (lock.distributions["alpha"], lock.distributions["beta"]) == ("5.0", "1.0")


async def test_a_wrong_password_is_told_without_it(host: str, opened: Opening) -> None:
    request = Request.of(["alpha"], ["--index-url", f"http://me:{_SECRET}x@{host}/simple"])
    with pytest.raises(StepcacheError, match="refuses") as caught:
        await opened().lock(request)
    assert not isinstance(caught.value, InputError)
    assert _SECRET not in str(caught.value) + caught.value.remedy


async def test_a_package_that_an_index_does_not_have(host: str, opened: Opening) -> None:
    request = Request.of(["gamma"], ["--index-url", f"http://me:{_SECRET}@{host}/simple"])
    with pytest.raises(InputError, match="gamma") as caught:
        await opened().lock(request)
    assert _SECRET not in str(caught.value)
