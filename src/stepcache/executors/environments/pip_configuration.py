"""Where this user's pip takes packages from: its variables and configuration files."""

from __future__ import annotations

import configparser
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from stepcache.light_dataclasses import dataclass

_SECTIONS = ("global", "install")  # the later one wins


@dataclass(frozen=True, slots=True)
class PipConfiguration:
    """What pip's own settings say, without options of a command."""

    index_url: str | None
    extra_index_urls: tuple[str, ...]
    find_links: tuple[str, ...]
    """Existing directories and URLs; pip too goes on without a directory that is not there."""
    trusted_hosts: tuple[str, ...]
    certificate: str | None
    proxy: str | None

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> PipConfiguration:
        """Read ``PIP_*`` variables, then the files that pip reads; a variable wins over a file.

        A file that cannot be read or parsed counts as empty: pip names it when the user runs pip.
        """
        values: dict[str, str] = {}
        for path in _files(variables):
            values |= _values(path)
        values |= {
            name.removeprefix("PIP_").lower().replace("_", "-"): value
            for name, value in variables.items()
            if name.startswith("PIP_") and value
        }
        return cls(
            index_url=values.get("index-url"),
            extra_index_urls=_words(values, "extra-index-url"),
            find_links=tuple(place for place in _words(values, "find-links") if _may_exist(place)),
            trusted_hosts=_words(values, "trusted-host"),
            certificate=values.get("cert"),
            proxy=values.get("proxy"),
        )


def _files(variables: Mapping[str, str]) -> Iterator[Path]:
    """The files that pip reads, the strongest last."""
    named = variables.get("PIP_CONFIG_FILE")
    if named == "/dev/null":  # pip's way to say: none at all
        return
    for directory in (variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(directory, "pip", "pip.conf")
    yield Path("/etc/pip.conf")
    if home := variables.get("HOME"):
        yield Path(home, ".pip", "pip.conf")
        yield Path(variables.get("XDG_CONFIG_HOME") or Path(home, ".config"), "pip", "pip.conf")
    yield Path(sys.prefix, "pip.conf")
    if named:
        yield Path(named)


def _values(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    found: dict[str, str] = {}
    for section in _SECTIONS:
        if parser.has_section(section):
            found |= {name.replace("_", "-"): value for name, value in parser.items(section) if value}
    return found


def _words(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(values.get(name, "").split())


def _may_exist(place: str) -> bool:
    return "://" in place or Path(place).is_dir()
