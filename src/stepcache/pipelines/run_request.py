"""What a run was asked, in the form in which it is kept, so that the same can be asked again.

Values of secrets are in none of it: secrets and config maps are kept as the references that the user gave, and a
value that holds a secret as ``platform.concealment`` keeps it.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from stepcache.cache.ticket import Verify
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.policy import Policies, Policy, Rule
from stepcache.pipelines.values import Values

if TYPE_CHECKING:
    from stepcache.pipelines.engine import Options
    from stepcache.pipelines.model import Component, JsonValue
    from stepcache.pipelines.platform.concealment import Concealment
    from stepcache.pipelines.root_inputs import RootInputs

_FORM = 1
_FAST = 1  # zlib's level: a pipeline is packed at the beginning of every run
_ENVIRONMENT = "env:"


@dataclass(frozen=True, slots=True)
class References:
    """The arguments of ``--secret``, ``--config-map`` and ``--volume``, from whatever directory they are read."""

    secrets: tuple[str, ...] = ()
    config_maps: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()

    @classmethod
    def given(cls, secrets: Iterable[str], config_maps: Iterable[str], volumes: Iterable[str]) -> Self:
        """The arguments as they were given to this process, relative paths made absolute."""
        return cls(*(tuple(map(_absolute, texts)) for texts in (secrets, config_maps, volumes)))

    def over(self, others: References) -> References:
        """These, and those of ``others`` that have another name."""
        pairs = (
            (self.secrets, others.secrets),
            (self.config_maps, others.config_maps),
            (self.volumes, others.volumes),
        )
        return References(*(_over(mine, theirs) for mine, theirs in pairs))


@dataclass(frozen=True, slots=True)
class Request:
    """What the command of a run says beside its inputs and options."""

    document: bytes
    """The pipeline, as it was read or compiled."""
    references: References = References()
    command_rules: int = 0
    """How many of the last rules of the policies were said on the command line, and not in a file."""
    rerun_of: str = ""
    """The run of which this one is a repetition."""

    def to_text(
        self,
        inputs: RootInputs,
        root: Component,
        *,
        source: str,
        options: Options,
        concealment: Concealment,
    ) -> str:
        """The text in which the run's store keeps it, without the value of any secret."""
        redact = concealment.redactor.text
        parameters = dict(inputs.parameters)
        # What is optional and has no value was given none, or null: null says so again.
        parameters |= {
            name: None for name, declared in root.inputs.items() if declared.optional and name not in parameters
        }
        plain, concealed = _parted(parameters, concealment)
        addresses = {name: list(places) for name, places in inputs.artifacts.items()}
        withheld = [name for name, places in addresses.items() if _are_secret(places, concealment)]
        is_secret = concealment.redactor.finds(self.document)
        return json.dumps(
            {
                "form": _FORM,
                "source": redact(source),
                "document": None if is_secret else base64.b64encode(zlib.compress(self.document, _FAST)).decode(),
                "parameters": plain,
                "concealed": concealed,
                "artifacts": {name: places for name, places in addresses.items() if name not in withheld},
                "withheld": withheld,
                "secrets": [redact(text) for text in self.references.secrets],
                "config_maps": [redact(text) for text in self.references.config_maps],
                "volumes": [redact(text) for text in self.references.volumes],
                "options": _options(options),
                "rules": [_rule(rule) for rule in options.policies.rules],
                "command_rules": self.command_rules,
                "rerun_of": self.rerun_of,
            }
        )


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """What ``Request.to_text`` kept of a run."""

    source: str
    document: bytes | None
    """None when the value of a secret is in it."""
    parameters: Mapping[str, JsonValue]
    concealed: Mapping[str, Mapping[str, Any]]
    """Parameters that hold the value of a secret, by name, for ``Concealment.reveal``."""
    artifacts: Mapping[str, tuple[str, ...]]
    withheld: tuple[str, ...]
    """Artifacts whose address holds the value of a secret."""
    references: References
    options: Mapping[str, Any] = field(repr=False)
    policies: Policies
    command_rules: int
    rerun_of: str

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read it. Raises ValueError for what another version kept in another form."""
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("form") != _FORM:
            raise ValueError("it is kept in a form that this release does not know")
        document = found["document"]
        return cls(
            source=found["source"],
            document=None if document is None else zlib.decompress(base64.b64decode(document)),
            parameters=found["parameters"],
            concealed=found["concealed"],
            artifacts={name: tuple(places) for name, places in found["artifacts"].items()},
            withheld=tuple(found["withheld"]),
            references=References(tuple(found["secrets"]), tuple(found["config_maps"]), tuple(found["volumes"])),
            options=found["options"],
            policies=Policies(tuple(_read_rule(rule) for rule in found["rules"])),
            command_rules=found["command_rules"],
            rerun_of=found["rerun_of"],
        )

    def onto(self, options: Options) -> Options:
        """``options`` with all that was kept in their place; of bindings, nothing was."""
        kept = {name: value for name, value in self.options.items() if value is not None}
        return replace(options, policies=self.policies, **kept)

    def settled_rules(self) -> tuple[Rule, ...]:
        """The rules less those of the command line by which tasks were not reused."""
        count = len(self.policies.rules) - self.command_rules
        said = self.policies.rules[count:]
        kept = tuple(rule for rule in said if rule.policy.max_staleness != 0 and rule.policy.cache is not False)
        return (*self.policies.rules[:count], *kept)


def _absolute(text: str) -> str:
    target, equals, source = text.partition("=")
    if not equals or source.startswith(_ENVIRONMENT):
        return text
    return f"{target}={Path.cwd() / Path(source).expanduser()}"


def _over(mine: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    names = {_name(text) for text in mine}
    return (*(text for text in theirs if _name(text) not in names), *mine)


def _name(text: str) -> str:
    return text.partition("=")[0].partition("/")[0]


def _parted(
    parameters: Mapping[str, JsonValue], concealment: Concealment
) -> tuple[dict[str, JsonValue], dict[str, Any]]:
    """The values without a secret in them, and the form in which the others are kept."""
    plain, concealed = {}, {}
    for name, value in parameters.items():
        values = Values({name: value})
        if concealment.touches(values):
            concealed[name] = concealment.conceal(values)
        else:
            plain[name] = value
    return plain, concealed


def _are_secret(places: list[str], concealment: Concealment) -> bool:
    return concealment.touches(Values({"": places})) or any(map(_has_password, places))


def _has_password(place: str) -> bool:
    try:
        return "://" in place and urlsplit(place).password is not None
    except ValueError:
        return True  # no address that can be read: it may hold anything


def _options(options: Options) -> dict[str, Any]:
    return {
        "max_parallel": None if options.max_parallel == os.cpu_count() else options.max_parallel,
        "namespace": options.namespace,
        "containers": options.containers,
        "host_commands": options.host_commands,
        "refresh_environments": options.refresh_environments,
        "wait_timeout": options.wait_timeout,
    }


def _rule(rule: Rule) -> list[Any]:
    policy = rule.policy
    return [
        policy.cache,
        policy.max_staleness,
        None if policy.ignore_inputs is None else sorted(policy.ignore_inputs),
        None if policy.verify is None else str(policy.verify),
        rule.pipeline,
        rule.component,
        rule.task,
        None if rule.within is None else sorted(rule.within),
        rule.source,
    ]


def _read_rule(row: list[Any]) -> Rule:
    cache, max_staleness, ignore_inputs, verify, pipeline, component, task, within, source = row
    policy = Policy(
        cache=cache,
        max_staleness=max_staleness,
        ignore_inputs=None if ignore_inputs is None else frozenset(ignore_inputs),
        verify=None if verify is None else Verify(verify),
    )
    return Rule(policy, pipeline, component, task, None if within is None else frozenset(within), source)
