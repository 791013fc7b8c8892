"""``stepcache.toml``: policies in a file, as docs/policy.md describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stepcache.cache import staleness
from stepcache.cache.ticket import Verify
from stepcache.errors import InputError
from stepcache.pipelines.policy import Policy, Rule

NAME = "stepcache.toml"


def read(path: Path) -> tuple[Rule, ...]:
    """The rules that the file holds, the general before the special; none if there is no such file.

    Raises InputError, with every problem, for a file that cannot be read or says what no policy says.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    import tomllib

    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    problems: list[str] = []
    rules = tuple(_Reader(problems, path.name).rules(document))
    if problems:
        raise InputError(f"{path}: {'; '.join(problems)}", remedy="see docs/policy.md for what it may hold")
    return rules


class _Reader:
    """Turns tables into rules, and notes what is wrong with them."""

    def __init__(self, problems: list[str], file: str) -> None:
        self._problems = problems
        self._file = file

    def rules(self, document: Mapping[str, Any]) -> Iterator[Rule]:
        """Of the whole file."""
        self._only(document, ("defaults", "components", "pipelines"), "the file")
        yield Rule(self._policy(_table(document, "defaults"), "[defaults]"), source=f"{self._file} [defaults]")
        yield from self._components(document, None, "")
        for name, table in _table(document, "pipelines").items():
            place = f'[pipelines."{name}"]'
            own = {key: value for key, value in table.items() if key != "components"}
            yield Rule(self._policy(own, place), pipeline=name, source=f"{self._file} {place}")
            yield from self._components(table, name, f'pipelines."{name}".')

    def _components(self, table: Mapping[str, Any], pipeline: str | None, prefix: str) -> Iterator[Rule]:
        for name, policy in _table(table, "components").items():
            place = f'[{prefix}components."{name}"]'
            source = f"{self._file} {place}"
            yield Rule(self._policy(policy, place), pipeline=pipeline, component=name, source=source)

    def _policy(self, table: Mapping[str, Any], place: str) -> Policy:
        self._only(table, tuple(_PARSERS), place)
        values = {}
        for name, parse in _PARSERS.items():
            if name in table:
                try:
                    values[name] = parse(table[name])
                except (ValueError, InputError) as error:
                    self._problems.append(f"{place} {name}: {error}")
        return Policy(**values)

    def _only(self, table: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
        for name in table:
            if name not in known:
                from difflib import get_close_matches

                close = get_close_matches(name, known, n=1)
                hint = f" (did you mean '{close[0]}'?)" if close else f" (it may hold: {', '.join(known)})"
                self._problems.append(f"{place} has '{name}', which means nothing{hint}")


def _table(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = document.get(name, {})
    return table if isinstance(table, dict) else {name: table}


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("on", "off"):
        raise ValueError(f'expected "on" or "off", got {value!r}')
    return value == "on"


def _staleness(value: object) -> float:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError(f'expected a duration such as "P7D", got {value!r}')  # noqa: TRY004 - bad data
    return staleness.seconds(value)


def _names(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"expected a list of names, got {value!r}")
    return frozenset(value)


def _verify(value: object) -> Verify:
    try:
        return Verify(str(value))
    except ValueError:
        raise ValueError(f"expected {' or '.join(repr(str(item)) for item in Verify)}, got {value!r}") from None


_PARSERS: dict[str, Callable[[object], Any]] = {
    "cache": _switch,
    "max_staleness": _staleness,
    "ignore_inputs": _names,
    "verify": _verify,
}
