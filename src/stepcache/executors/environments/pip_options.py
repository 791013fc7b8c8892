"""The options of pip that a component's install command carries, as uv understands them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from stepcache.errors import InputError
from stepcache.executors.environments.credentials import mask
from stepcache.light_dataclasses import dataclass

_WITHOUT_EFFECT = {
    # what is shown, how hard pip tries, and where it would have put things: the result is the same
    *("-q", "--quiet", "-v", "--verbose", "--no-color", "--no-input", "--no-warn-script-location", "--isolated"),
    *("--disable-pip-version-check", "--no-warn-conflicts", "--no-python-version-warning", "--debug"),
    *("--no-cache-dir", "--no-clean", "--use-pep517", "--prefer-binary", "--break-system-packages"),
    *("-U", "--upgrade", "--user", "-I", "--ignore-installed", "--force-reinstall", "--compile", "--no-compile"),
}
_WITHOUT_EFFECT_BUT_VALUE = {
    *("--timeout", "--default-timeout", "--retries", "--resume-retries", "--progress-bar", "--cache-dir", "--log"),
    *("--upgrade-strategy", "--exists-action", "--root-user-action", "--use-feature", "--use-deprecated"),
}
_NAMES = {"-i": "--index-url", "--pypi-url": "--index-url", "-f": "--find-links"}


@dataclass(frozen=True, slots=True)
class PipOptions:
    """Where packages come from, and which of them may be taken."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False
    no_deps: bool = False
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()

    @classmethod
    def parse(cls, words: Sequence[str]) -> PipOptions:
        """Read options with their values, ``--name=value`` or in two words.

        Raises InputError for one that would change what a step finds and has no counterpart here (``-r``, ``-e``,
        ``--target`` …): it is never dropped silently.
        """
        options = cls()
        for name, value in _pairs(words):
            change = _CHANGES.get(name)
            if change is None:
                raise InputError(
                    f"the option {name} of pip cannot be honoured for a shared environment",
                    remedy="Leave it out of packages_to_install, or install in the component's own code.",
                )
            options = replace(options, **change(options, value))
        return options

    def document(self) -> dict[str, Any]:
        """What distinguishes these options from others, as a JSON value without credentials."""
        return {
            "index_url": self.index_url and mask(self.index_url),
            "extra_index_urls": [mask(url) for url in self.extra_index_urls],
            "find_links": [mask(place) for place in self.find_links],
            "no_index": self.no_index,
            "pre": self.pre,
            "no_deps": self.no_deps,
            "no_binary": list(self.no_binary),
            "only_binary": list(self.only_binary),
        }

    def resolving(self) -> list[str]:
        """The arguments of ``uv pip compile`` beside those of ``installing``."""
        return [
            *(["--prerelease", "allow"] if self.pre else []),
            *(["--no-deps"] if self.no_deps else []),
            *self.installing(),
        ]

    def installing(self) -> list[str]:
        """The arguments of every command of uv. URLs, which may carry credentials, go by the environment."""
        return [
            *(["--no-index"] if self.no_index else []),
            *(word for packages in self.no_binary for word in ("--no-binary", packages)),
            *(word for packages in self.only_binary for word in ("--only-binary", packages)),
        ]


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options that matter, by their long name, with their value or an empty text. Raises InputError."""
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        name = _NAMES.get(name, name)
        if name in _WITHOUT_EFFECT:
            continue
        takes_value = name in _VALUED or name in _WITHOUT_EFFECT_BUT_VALUE
        if takes_value and not equals:
            value = next(rest, "")
            if not value:
                raise InputError(f"the option {name} of pip has no value")
        if name not in _WITHOUT_EFFECT_BUT_VALUE:
            yield name, value


def _host(text: str) -> str:
    """``host`` or ``host:port``; the KFP SDK gives a whole URL where pip wants these."""
    return urlsplit(text).netloc.rpartition("@")[2] if "://" in text else text


_VALUED: Mapping[str, Callable[[PipOptions, str], dict[str, Any]]] = {
    "--index-url": lambda _, value: {"index_url": value},
    "--extra-index-url": lambda options, value: {"extra_index_urls": (*options.extra_index_urls, value)},
    "--find-links": lambda options, value: {"find_links": (*options.find_links, value)},
    "--trusted-host": lambda options, value: {"trusted_hosts": (*options.trusted_hosts, _host(value))},
    "--no-binary": lambda options, value: {"no_binary": (*options.no_binary, *value.split(","))},
    "--only-binary": lambda options, value: {"only_binary": (*options.only_binary, *value.split(","))},
}
_CHANGES: Mapping[str, Callable[[PipOptions, str], dict[str, Any]]] = {
    **_VALUED,
    "--no-index": lambda *_: {"no_index": True},
    "--pre": lambda *_: {"pre": True},
    "--no-deps": lambda *_: {"no_deps": True},
}
