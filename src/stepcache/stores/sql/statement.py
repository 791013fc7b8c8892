"""A statement with named parameters, in the form that a driver takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

_PARAMETER: Final = re.compile(r":([a-z_]+)")
Style = Literal["numbered", "named"]


class Statement:
    """``:name`` stands for a parameter. ``numbered`` is PostgreSQL's ``$1``, ``named`` is ``%(name)s``."""

    __slots__ = ("names", "text")

    def __init__(self, template: str, style: Style) -> None:
        self.names = tuple(dict.fromkeys(_PARAMETER.findall(template)))
        if style == "numbered":
            numbers = {name: f"${number}" for number, name in enumerate(self.names, start=1)}
            self.text = _PARAMETER.sub(lambda match: numbers[match[1]], template)
        else:
            self.text = _PARAMETER.sub(r"%(\1)s", template.replace("%", "%%"))

    def arguments(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parameters in order, out of ``values``, which may have more."""
        return tuple([values[name] for name in self.names])

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters by name, and no others: drivers make texts of all that they get."""
        return {name: values[name] for name in self.names}
