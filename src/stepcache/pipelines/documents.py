"""The documents in a file: YAML or JSON, in UTF-8 or, with a byte order mark, UTF-16."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from stepcache.errors import InputError
from stepcache.pipelines import yaml_reader, yaml_scalars
from stepcache.pipelines.yaml_reader import DEEPEST, LARGEST_COUNT
from stepcache.pipelines.yaml_scalars import Schema, shown


def read(data: bytes, source: str, *, remedy: str, schema: Schema = Schema.SDK) -> list[Any]:
    """The documents in ``data``, empty ones left out, as JSON values; at least one.

    Raises InputError, naming ``source`` and ``remedy``, for anything else: a text that is neither YAML nor JSON, a
    key that is there twice, a number that JSON does not have, or a document that is too large when aliases are
    expanded (``yaml_reader.LARGEST_COUNT``) or too deep (``yaml_reader.DEEPEST``).
    """
    text = _text(data, source, remedy)
    found = _json(text, source, remedy)
    if found is None:
        try:
            found = yaml_reader.read(text, schema)
        except yaml_reader.YAMLError as error:
            place = f", line {error.line}" if error.line else ""
            raise InputError(f"{source}{place} cannot be read as YAML or JSON: {error}", remedy=remedy) from error
    found = [document for document in found if document is not None]
    if not found:
        raise InputError(f"{source} is empty", remedy=remedy)
    return found


def _text(data: bytes, source: str, remedy: str) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InputError(f"{source} is a binary file, not YAML or JSON", remedy=remedy)
    return text


def _json(text: str, source: str, remedy: str) -> list[Any] | None:
    """The one document of a JSON text; None for any other text. Far faster than YAML, of which JSON is a part."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        document = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
        _check_bounds(document)
        if _SURROGATE.search(text):
            _check_unicode(document)
    except _RefusedError as error:
        raise InputError(f"{source} cannot be taken: it is JSON with {error}", remedy=remedy) from error
    except RecursionError as error:
        raise InputError(f"{source} cannot be taken: it is JSON with {_TOO_DEEP}", remedy=remedy) from error
    except ValueError:
        return None
    return [document]


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half a character, which no file in UTF-8 can hold but by its number
_TOO_DEEP = f"more than {DEEPEST} levels inside one another"


class _RefusedError(Exception):
    """JSON by its syntax, and yet not taken."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _RefusedError(f"the key '{shown(name)}' twice")
        members[name] = value
    return members


def _no_constant(name: str) -> None:
    raise _RefusedError(f"{name}, which is no number of JSON")


def _check_bounds(document: Any) -> None:
    count, depth, level = 0, 0, [document]
    while level:
        count, depth = count + len(level), depth + 1
        if count > LARGEST_COUNT:
            raise _RefusedError(f"more than {LARGEST_COUNT:,} values")
        if depth > DEEPEST + 1:  # the innermost level may hold scalars
            raise _RefusedError(_TOO_DEEP)
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, float | int) and not yaml_scalars.is_double(value):
                raise _RefusedError("a number that is too large")
        level = below


def _check_unicode(document: Any) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _RefusedError("half a surrogate pair, which is no Unicode") from None
