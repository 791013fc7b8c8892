"""What an environment is asked to hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from stepcache.errors import InputError
from stepcache.executors.distributions import normalise
from stepcache.executors.environments.credentials import Credentials, mask
from stepcache.executors.environments.interpreter import Interpreter
from stepcache.executors.environments.pip_options import PipOptions
from stepcache.executors.lightweight import LightweightComponent
from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """A set of requirements, and the options of pip they come with. Equal sets are equal requests."""

    requirements: tuple[str, ...]
    """Normalised, each once, sorted."""
    options: PipOptions

    @classmethod
    def of(cls, requirements: Iterable[str], pip_options: Sequence[str] = ()) -> Request:
        """Normalise what a component asks for.

        Names are compared as PEP 503 says; order and repetition do not count. What is no PEP 508 requirement (a
        URL, a path) stays as it is. Raises InputError for options that cannot be honoured.
        """
        return cls(tuple(sorted({_normalised(text) for text in requirements})), PipOptions.parse(pip_options))

    @classmethod
    def of_component(cls, component: LightweightComponent) -> Request | None:
        """What a component's environment is to hold; None when it asks for nothing: it runs with the engine's.

        The KFP SDK that KFP's own call installs is not part of it: it is in every environment, in the engine's
        version. Where the author names it among other packages, theirs counts. Raises InputError as ``of`` does.
        """
        if not component.requirements:
            return None
        own = () if component.author_kfp is None else (component.author_kfp,)
        return cls.of((*component.requirements, *own), component.pip_options)

    def document(self, interpreter: Interpreter) -> dict[str, Any]:
        """What a kept lock is found by, as a JSON value without credentials."""
        return {
            "requirements": [mask(text) for text in self.requirements],
            "options": self.options.document(),
            **interpreter.document(),
        }

    def digest(self, interpreter: Interpreter) -> str:
        """The name of the kept lock of this request."""
        return hashlib.sha256(json.dumps(self.document(interpreter), sort_keys=True).encode()).hexdigest()

    def credentials(self) -> Credentials:
        """Those of every URL in the requirements and options."""
        options = self.options
        index = [] if options.index_url is None else [options.index_url]
        return Credentials.of([*self.requirements, *index, *options.extra_index_urls, *options.find_links])

    def __str__(self) -> str:
        """For people: without credentials."""
        return ", ".join(f"'{mask(text)}'" for text in self.requirements)


def _normalised(text: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    text = text.strip()
    if any(not character.isprintable() for character in text):
        raise InputError(f"the requirement {mask(text)!r} holds a character that cannot be part of one")
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return text
    requirement.name = normalise(requirement.name)
    return str(requirement)
