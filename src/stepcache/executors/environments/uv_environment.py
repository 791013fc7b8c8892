"""The environment variables that uv runs with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stepcache.executors.environments.pip_configuration import PipConfiguration
from stepcache.executors.environments.pip_options import PipOptions

_PACKAGE_SOURCES = (
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_EXCLUDE_NEWER", "UV_OFFLINE"),
    *("UV_HTTP", "UV_REQUEST_TIMEOUT", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST", "UV_CONCURRENT"),
    *("UV_KEYRING_PROVIDER", "UV_CREDENTIALS_DIR", "UV_CONFIG_FILE", "UV_NO_CONFIG"),
)
"""Beginnings of the names of uv's variables that say where packages come from and how the network is reached."""

_MISLEADING = ("UV_", "PIP_", "PYTHON", "VIRTUAL_ENV", "CONDA_", "_KFP_RUNTIME")
"""Beginnings of the names of variables that say how to install, or what a Python started by uv would load."""


def build(inherited: Mapping[str, str], options: PipOptions, cache: Path) -> dict[str, str]:
    """The complete environment of uv.

    ``inherited`` is the engine's: uv gets all of it (proxies, certificates, a compiler's settings), except what
    would have it install otherwise. Indexes are those of the component, else of uv's own settings, else of pip's:
    what a component's command would have used.
    """
    variables = {name: value for name, value in inherited.items() if _is_passed(name)}
    configuration = PipConfiguration.read(inherited)
    if configuration.certificate:
        variables.setdefault("SSL_CERT_FILE", configuration.certificate)
    if configuration.proxy:
        variables.setdefault("ALL_PROXY", configuration.proxy)
    own = variables.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"}
    index = options.index_url or (None if own else configuration.index_url)
    if index:
        variables.pop("UV_INDEX_URL", None)
        variables["UV_DEFAULT_INDEX"] = index
    extra = (*options.extra_index_urls, *(() if own else configuration.extra_index_urls))
    _add(variables, "UV_INDEX", extra, " ")
    _add(variables, "UV_FIND_LINKS", (*options.find_links, *configuration.find_links), ",")
    _add(variables, "UV_INSECURE_HOST", (*options.trusted_hosts, *configuration.trusted_hosts), " ")
    if variables.keys() & {"UV_INDEX", "UV_EXTRA_INDEX_URL"}:
        # pip knows no order among indexes: the best version of all of them wins. Not for a single one, of which uv
        # would not say that it refused the credentials.
        variables.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return variables | {"UV_CACHE_DIR": str(cache), "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}


def _is_passed(name: str) -> bool:
    return name.startswith(_PACKAGE_SOURCES) or not name.startswith(_MISLEADING)


def _add(variables: dict[str, str], name: str, values: tuple[str, ...], separator: str) -> None:
    given = variables.get(name)
    if joined := separator.join([*([given] if given else []), *values]):
        variables[name] = joined
