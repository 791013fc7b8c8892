"""Every setting in one table: name, environment variable, type, default, meaning.

A value given by a program or on the command line comes before the environment, and that before the default.
``docs/settings.md`` describes the same table; a test compares them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stepcache.errors import InputError
from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    variable: str
    type: str
    default: str
    """As people read it."""
    meaning: str
    parse: Callable[[str], Any]


def _path(text: str) -> Path:
    return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 - Path.resolve would follow links


def _switch(text: str) -> bool:
    try:
        return {"on": True, "off": False}[text.lower()]
    except KeyError:
        raise ValueError("expected on or off") from None


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError("expected a number of seconds above 0")
    return number


TABLE = (
    Setting(
        "home",
        "STEPCACHE_HOME",
        "directory",
        "the user's data directory, on Linux `~/.local/share/stepcache`",
        "Where everything is kept that has no place of its own: logs of runs, and store and artifacts by default.",
        _path,
    ),
    Setting(
        "store",
        "STEPCACHE_STORE",
        "URL",
        "`sqlite:///` and `stepcache.db` in the home",
        "The database of entries, claims and runs: `sqlite:///FILE`, `postgresql://…`, `mysql://…`, or `memory://`"
        " for one process, then gone.",
        str,
    ),
    Setting(
        "artifacts",
        "STEPCACHE_ARTIFACTS",
        "directory",
        "`artifacts` in the home",
        "Where outputs are kept. The store remembers it; a process that brings another directory is refused.",
        _path,
    ),
    Setting(
        "lease",
        "STEPCACHE_LEASE",
        "seconds",
        "60",
        "After how long a holder that gives no sign may be replaced; it gives one at every third of it.",
        _seconds,
    ),
    Setting(
        "same_host",
        "STEPCACHE_SAME_HOST",
        "on or off",
        "on",
        "Whether a holder on this machine that is seen to be dead is replaced at once, its step ended first.",
        _switch,
    ),
    Setting(
        "poll",
        "STEPCACHE_POLL",
        "seconds",
        "0.25",
        "The longest pause between two looks at the keys that this process waits for.",
        _seconds,
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process; the table above says what each means."""

    home: Path
    store: str
    artifacts: Path
    lease: float
    same_host: bool
    poll: float

    @classmethod
    def resolve(cls, environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
        """The settings by ``given`` (None counts as not given), then by ``environment``, then by default.

        An empty variable counts as not set. Nothing is created. Raises InputError for a value that cannot be.
        """
        values: dict[str, Any] = {}
        for setting in TABLE:
            value = given.pop(setting.name, None)
            source = setting.name
            if value is None and (text := environment.get(setting.variable)):
                value, source = text, setting.variable
            if value is not None:
                values[setting.name] = _parsed(setting, value, source)
        if given:
            raise InputError(f"there is no setting '{min(given)}'")
        home = values.get("home") or _data_directory()
        return cls(
            home=home,
            store=values.get("store", f"sqlite:///{home / 'stepcache.db'}"),
            artifacts=values.get("artifacts", home / "artifacts"),
            lease=values.get("lease", 60.0),
            same_host=values.get("same_host", True),
            poll=values.get("poll", 0.25),
        )


def _parsed(setting: Setting, value: Any, source: str) -> Any:
    if isinstance(value, bool) and setting.parse is _switch:
        return value
    try:
        return setting.parse(str(value))
    except ValueError as error:
        raise InputError(f"{source} is '{value}': {error}") from error


def _data_directory() -> Path:
    from platformdirs import user_data_path

    return user_data_path("stepcache", appauthor=False)
