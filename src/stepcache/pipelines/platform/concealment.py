"""Outputs that hold the value of a secret, kept without it.

Where a value stood, the entry has the secret's name and key. When the outputs are reused the value is put back, and
what comes of it must be what was stored, to the last byte, by an HMAC under the home's key: a secret that was
changed since does not fit, and the step is executed again. In keys, and wherever people or programs read, there is
only the HMAC or a mask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from stepcache.executors.redaction import MASK, Redactor, forms, spans
from stepcache.pipelines.model import JsonValue
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.values import ArtifactValue, Values

_CONCEALED = "concealed"
_Place = tuple[str, str, int, int, str]
"""Secret, key, from where to where in its value, and the form in which that is written."""


class Concealment:
    """Of the values of one run's secrets. False when there are none to conceal."""

    def __init__(self, bindings: Bindings, seal: Callable[[str], str]) -> None:
        """``seal`` makes an HMAC of a text: ``pipelines.mask.Mask``."""
        self.redactor: Redactor = bindings.redactor()
        """Masks the same values in logs and messages."""
        self._seal = seal
        self._bindings = bindings
        self._places = dict(_places(bindings))
        longest_first = sorted(self._places, key=lambda text: (-len(text), text))
        self._pattern = re.compile("|".join(re.escape(text) for text in longest_first))

    def __bool__(self) -> bool:
        return bool(self._places)

    def touches(self, values: Values) -> bool:
        """Whether a value of a secret is in ``values``, contents of artifacts aside."""
        return any(self._is_in(value) for _, value in _slots(values.to_document()))

    def shown(self, values: Values) -> Values:
        """``values`` as they may be printed and recorded: what they hold of secrets is masked."""
        return self._replaced(values, self._masked) if self else values

    def for_key(self, values: Values) -> Values:
        """``values`` as they enter a key: one that holds a secret counts by its HMAC."""
        return self._replaced(values, lambda value: self._seal(_text(value, in_order=True))) if self else values

    def conceal(self, values: Values) -> dict[str, Any]:
        """The form in which an entry keeps outputs: ``Values.to_document()`` when they hold no secret."""
        document = values.to_document()
        found = [
            {"at": list(place), "pieces": self._pieces(_text(value)), "seal": self._seal(_text(value))}
            for place, value in (_slots(document) if self else ())
            if self._is_in(value)
        ]
        return {**self.shown(values).to_document(), _CONCEALED: found} if found else document

    def reveal(self, document: Mapping[str, Any]) -> Values | None:
        """The outputs that ``conceal`` described, to the last byte.

        None when that cannot be: a secret is not given to this run, has changed, or was kept by another home.
        """
        concealed = document.get(_CONCEALED)
        if not concealed:
            return Values.from_document(document)
        values: dict[str, Any] = json.loads(json.dumps(document))
        for item in concealed:
            text = self._joined(item["pieces"])
            if text is None or self._seal(text) != item["seal"]:
                return None
            *path, last = item["at"]
            holder: Any = values
            for step in path:
                holder = holder[step]
            holder[last] = json.loads(text)
        return Values.from_document(values)

    def _is_in(self, value: JsonValue) -> bool:
        return bool(self) and self._pattern.search(_text(value)) is not None

    def _masked(self, value: JsonValue) -> JsonValue:
        """``value`` with every text in it masked; a number that is a secret becomes the mask."""
        if isinstance(value, dict):
            return {self.redactor.text(name): self._masked(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        if isinstance(value, str):
            return self.redactor.text(value)
        return MASK if self._is_in(value) else value

    def _replaced(self, values: Values, change: Callable[[JsonValue], JsonValue]) -> Values:
        parameters = {
            name: change(value) if self._is_in(value) else value for name, value in values.parameters.items()
        }
        artifacts = {
            name: tuple(self._artifact(artifact, change) for artifact in items)
            for name, items in values.artifacts.items()
        }
        return Values(parameters, artifacts)

    def _artifact(self, artifact: ArtifactValue, change: Callable[[JsonValue], JsonValue]) -> ArtifactValue:
        metadata: dict[str, JsonValue] = {
            name: change(value) if self._is_in(value) else value for name, value in artifact.metadata.items()
        }
        if self._is_in(list(metadata)):  # in a name
            changed = change(dict(artifact.metadata))
            metadata = changed if isinstance(changed, dict) else {MASK: changed}
        name, uri = (str(change(text)) if self._is_in(text) else text for text in (artifact.name, artifact.uri))
        return replace(artifact, metadata=metadata, name=name, uri=uri)

    def _pieces(self, text: str) -> list[Any]:
        pieces: list[Any] = []
        end = 0
        for match in self._pattern.finditer(text):
            pieces += [text[end : match.start()], list(self._places[match[0]])]
            end = match.end()
        return [*pieces, text[end:]]

    def _joined(self, pieces: list[Any]) -> str | None:
        texts = []
        for piece in pieces:
            if isinstance(piece, str):
                texts.append(piece)
                continue
            name, key, start, end, form = piece
            secret = self._bindings.secrets.get(name)
            value = None if secret is None else secret.value(key)
            written = {} if value is None else _in_json(value[start:end])
            if form not in written:
                return None
            texts.append(written[form])
        return "".join(texts)


def is_concealed(document: Mapping[str, Any]) -> bool:
    """Whether ``conceal`` took a secret out of the outputs that ``document`` describes."""
    return bool(document.get(_CONCEALED))


def _places(bindings: Bindings) -> Iterator[tuple[str, _Place]]:
    """How each part of each secret reads inside a JSON text, and where it is from."""
    for name, secret in bindings.secrets.items():
        for key, value in secret.items():
            for start, end in spans(value):
                for form, text in _in_json(value[start:end]).items():
                    yield text, (name, key, start, end, form)


def _in_json(data: bytes) -> dict[str, str]:
    """The forms of a text inside a JSON text; none of what is no text."""
    try:
        written = forms(data.decode("utf-8"))
    except UnicodeDecodeError:
        return {}
    return {name: _text(form)[1:-1] for name, form in written.items()}


def _text(value: JsonValue, *, in_order: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=in_order)


def _slots(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], JsonValue]]:
    """The parts of a document of ``Values`` that a step chose, with their places."""
    for name, value in document["parameters"].items():
        yield ("parameters", name), value
    for name, artifacts in document["artifacts"].items():
        for number, artifact in enumerate(artifacts):
            for part in ("name", "metadata", "uri"):
                if part in artifact:
                    yield ("artifacts", name, number, part), artifact[part]
