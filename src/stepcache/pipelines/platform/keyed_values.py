"""The content of a secret or a config map, as a user gives it: from files, directories or environment variables.

Nothing here says what it read: an error names the key or the line, never a value, and never the text that stands
where a file was expected, which may be a secret itself.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.platform.settings import Kind

LARGEST = 1 << 20
"""Bytes that Kubernetes takes in one secret or config map."""

_ENVIRONMENT = "env:"
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_MANIFEST_KINDS = {"Secret": Kind.SECRET, "ConfigMap": Kind.CONFIG_MAP}


@dataclass(frozen=True, slots=True)
class KeyedValues:
    """Values by key; or one value without a key, which answers to whatever key it is asked for."""

    values: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    sole: bytes | None = field(default=None, repr=False)

    def value(self, key: str) -> bytes | None:
        """The value of ``key``; None when it has none."""
        return self.values.get(key, self.sole)

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every key with its value; the key of a sole value is empty."""
        yield from self.values.items()
        if self.sole is not None:
            yield "", self.sole

    def joined(self, other: KeyedValues) -> KeyedValues:
        """Both together. Raises ValueError for a key that both have."""
        twice = sorted(self.values.keys() & other.values.keys())
        if twice or (self.sole is not None and other.sole is not None):
            raise ValueError(f"key '{twice[0]}' is given twice" if twice else "it is given twice")
        return KeyedValues({**self.values, **other.values}, other.sole if self.sole is None else self.sole)


def is_key(text: str) -> bool:
    """Whether Kubernetes takes it as a key."""
    return _KEY.fullmatch(text) is not None and text not in (".", "..")


def read(source: str, kind: Kind, key: str, environment: Mapping[str, str], directory: Path) -> KeyedValues:
    """What ``source`` holds: ``env:VARIABLE``, or a path, from ``directory`` if it is relative.

    With a ``key`` it is the value of that key, whatever it looks like. Without one, a directory has a key for each
    of its files, ``.env``, ``.yaml``, ``.yml`` and ``.json`` files have the keys that are in them, and a variable
    or any other file is one value without a key. Raises ValueError, with the end of a sentence for people.
    """
    if source.startswith(_ENVIRONMENT):
        return _whole(key, _variable(source.removeprefix(_ENVIRONMENT), environment))
    path = directory / Path(source).expanduser()
    try:
        found = _directory(path) if path.is_dir() and not key else _file(path, kind, key)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or 'no such file'}") from None
    size = sum(len(value) for _, value in found.items())
    if size > LARGEST:
        raise ValueError(f"has {size} bytes; Kubernetes takes at most {LARGEST}")
    return found


def _whole(key: str, value: bytes) -> KeyedValues:
    return KeyedValues({key: value}) if key else KeyedValues(sole=value)


def _variable(name: str, environment: Mapping[str, str]) -> bytes:
    if name not in environment:
        shown = f" '{name}'" if _VARIABLE.fullmatch(name) else ""
        raise ValueError(f"is to come from an environment variable{shown} that is not set")
    return os.fsencode(environment[name])


def _directory(path: Path) -> KeyedValues:
    files = {item.name: item for item in sorted(path.iterdir()) if item.is_file()}
    bad = [name for name in files if not is_key(name)]
    if bad:
        raise ValueError(f"has the file '{bad[0]}', whose name cannot be a key")
    return KeyedValues({name: _content(item) for name, item in files.items()})


def _file(path: Path, kind: Kind, key: str) -> KeyedValues:
    if key or path.suffix not in (".env", ".json", ".yaml", ".yml"):
        return _whole(key, _content(path))
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError("is no text") from None
    values = _lines(text) if path.suffix == ".env" else _document(text, path.suffix == ".json", kind)
    bad = [name for name in values if not is_key(name)]
    if bad:
        raise ValueError(
            f"has a key, number {list(values).index(bad[0]) + 1}, that Kubernetes does not take as one"
        )
    return KeyedValues(values)


def _content(path: Path) -> bytes:
    """The bytes of a file. A single line loses its end, which editors and ``echo`` add."""
    data = path.read_bytes()
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    return data if b"\n" in line else line


def _lines(text: str) -> dict[str, bytes]:
    """``KEY=VALUE`` lines, as ``kubectl --from-env-file`` reads them: what follows the first ``=`` is the value."""
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise ValueError(f"has a line {number} that is not KEY=VALUE")
        values[name.strip().removeprefix("export ").strip()] = value.encode()
    return values


def _document(text: str, is_json: bool, kind: Kind) -> dict[str, bytes]:
    document = _parsed(text, is_json)
    if not isinstance(document, dict):
        raise ValueError("holds no keys")  # noqa: TRY004 - bad data
    if "apiVersion" in document and "kind" in document:
        return _manifest(document, kind)
    return _texts(document)


def _parsed(text: str, is_json: bool) -> Any:
    """The document, every number a text as it is written."""
    if is_json:
        try:
            return json.loads(text, parse_int=str, parse_float=str)
        except ValueError as error:
            raise ValueError(f"is no JSON, line {getattr(error, 'lineno', 1)}") from None
    import yaml

    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes nothing but texts, lists and mappings
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError("is no YAML" + (f", line {mark.line + 1}" if mark is not None else "")) from None


def _manifest(document: Mapping[str, Any], kind: Kind) -> dict[str, bytes]:
    if _MANIFEST_KINDS.get(str(document["kind"])) is not kind:
        raise ValueError(f"is the manifest of something else than a {kind}")
    encoded, plain = ("data", "stringData") if kind is Kind.SECRET else ("binaryData", "data")
    values = {}
    for name, value in _texts(document.get(encoded) or {}).items():
        try:
            values[name] = base64.b64decode(b"".join(value.split()), validate=True)
        except binascii.Error:
            raise ValueError(f"has the key '{name}', whose value is no base64") from None
    return {**values, **_texts(document.get(plain) or {})}


def _texts(document: Any) -> dict[str, bytes]:
    if not isinstance(document, dict):
        raise ValueError("holds no keys")  # noqa: TRY004 - bad data
    values = {}
    for position, (name, value) in enumerate(document.items(), 1):
        if isinstance(value, bool):
            value = "true" if value else "false"  # noqa: PLW2901 - as JSON writes it
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError(f"has a key, number {position}, whose value is no text")  # noqa: TRY004 - bad data
        values[name] = value.encode("utf-8", "surrogatepass")
    return values
