from __future__ import annotations

from pathlib import Path

import pytest

from stepcache.executors.environments import uv_environment
from stepcache.executors.environments.pip_configuration import PipConfiguration
from stepcache.executors.environments.pip_options import PipOptions

_NONE = PipOptions()


def _build(inherited: dict[str, str], options: PipOptions = _NONE) -> dict[str, str]:
    # no configuration file of whoever runs the tests
    return uv_environment.build({"PIP_CONFIG_FILE": "/dev/null", **inherited}, options, Path("/cache"))


def test_uv_never_fetches_a_python_and_has_a_cache_of_its_own() -> None:
    variables = _build({"UV_CACHE_DIR": "/elsewhere", "UV_PYTHON_DOWNLOADS": "automatic"})
    assert variables["UV_CACHE_DIR"] == "/cache"
    assert variables["UV_PYTHON_DOWNLOADS"] == "never"


def test_what_would_install_otherwise_is_left_out() -> None:
    misleading = [
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "UV_PYTHON",
        "UV_TARGET",
        "UV_LINK_MODE",
        "PIP_TARGET",
        "CONDA_PREFIX",
    ]
    assert not set(misleading) & set(_build(dict.fromkeys(misleading, "/x")))
    kept = {"HTTPS_PROXY": "p", "CC": "clang", "UV_OFFLINE": "1", "UV_INDEX_MINE_PASSWORD": "s", "HOME": "/h"}
    assert kept.items() <= _build(kept).items()


def test_the_component_comes_first_then_uv_then_pip() -> None:
    pip = {"PIP_INDEX_URL": "https://pip/s", "PIP_EXTRA_INDEX_URL": "https://e1/s https://e2/s"}
    assert _build(pip)["UV_DEFAULT_INDEX"] == "https://pip/s"
    assert _build(pip)["UV_INDEX"] == "https://e1/s https://e2/s"
    uv = {"UV_INDEX_URL": "https://uv/s"}
    assert "UV_DEFAULT_INDEX" not in _build({**pip, **uv})
    assert _build({**pip, **uv})["UV_INDEX_URL"] == "https://uv/s"
    options = PipOptions(index_url="https://mine/s", extra_index_urls=("https://more/s",))
    variables = _build({**pip, **uv, "UV_INDEX": "https://also/s"}, options)
    assert variables["UV_DEFAULT_INDEX"] == "https://mine/s"
    assert "UV_INDEX_URL" not in variables
    assert variables["UV_INDEX"] == "https://also/s https://more/s"


def test_certificates_and_trusted_hosts_of_pip_are_used() -> None:
    variables = _build({"PIP_CERT": "/c.pem", "PIP_TRUSTED_HOST": "a b", "PIP_PROXY": "http://p"})
    assert variables["SSL_CERT_FILE"] == "/c.pem"
    assert variables["UV_INSECURE_HOST"] == "a b"
    assert variables["ALL_PROXY"] == "http://p"


def test_pips_files_are_read_and_its_variables_win(tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://a/s\ntrusted_host = h\n"
        f"find-links =\n  {tmp_path / 'links'}\n  /not/there\n  https://l/\n[install]\nindex-url = https://b/s\n"
    )
    configuration = PipConfiguration.read({"PIP_CONFIG_FILE": str(file)})
    assert configuration.index_url == "https://b/s"
    assert configuration.trusted_hosts == ("h",)
    assert configuration.find_links == (str(tmp_path / "links"), "https://l/")
    assert PipConfiguration.read({"PIP_CONFIG_FILE": str(file), "PIP_INDEX_URL": "c"}).index_url == "c"


@pytest.mark.parametrize("content", [b"no section", b"\xff\xfe", b"[global]\nindex-url"])
def test_a_broken_file_of_pips_counts_as_empty(content: bytes, tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path)}
    without = PipConfiguration.read(variables)
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip/pip.conf").write_bytes(content)
    assert PipConfiguration.read(variables) == without
