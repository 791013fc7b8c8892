"""``stepcache key``: the key that KFP itself would compute."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import BinaryIO

from stepcache.errors import InputError
from stepcache.keys import fingerprint, template
from stepcache.keys.go_json import GoJSONError

HELP = "print the cache key that KFP itself would compute"

EPILOG = """schemes:
  v1             the v1 cache server up to KFP 2.17; FILE is an Argo template in JSON
  v1-namespaced  the v1 cache server from KFP 2.18 on, with --namespace (provisional)
  v2             the v2 driver up to KFP 2.17; FILE is a CacheKey in protobuf JSON
  v2-env         the v2 driver from KFP 2.18 on: containerSpec.env counts (provisional)

provisional: from the public code of the change, without a key that KFP computed to compare with

examples:
  stepcache key --scheme v1 template.json
  stepcache key --scheme v2 --lines < fingerprints.jsonl
  stepcache key --component train --cache-key my-own-key

exit codes: 0 a key was printed; 1 with --lines, a document was refused; 2 bad input"""

_REMEDIES = {
    "v1": "give one Argo template as JSON, e.g. the value of ARGO_TEMPLATE in a pod",
    "v2": "give one CacheKey in protobuf JSON (kubeflow/pipelines, api/v2alpha1/cache_key.proto)",
}

_Hash = Callable[[bytes], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="a JSON document, or - for standard input")
    parser.add_argument(
        "--scheme", choices=["v1", "v1-namespaced", "v2", "v2-env"], help="how the key is made; see below"
    )
    parser.add_argument("--namespace", metavar="NS", help="the namespace of the pod (v1-namespaced)")
    parser.add_argument("--component", metavar="NAME", help="the component of a custom key; may be empty")
    parser.add_argument("--cache-key", metavar="KEY", help="the custom key of a task (v2, v2-env); no FILE then")
    parser.add_argument(
        "--lines", action="store_true", help="one document per line; prints a key or 'error: ...' for each"
    )
    parser.add_argument("--json", action="store_true", help="print JSON objects")


def run(arguments: argparse.Namespace) -> int:
    """Print the key, or with ``--lines`` one line for each. Raises InputError for what is not as declared."""
    if arguments.cache_key is not None or arguments.component is not None:
        return _print_custom(arguments)
    compute = _scheme(arguments)
    path = arguments.file
    if path is None:
        if not arguments.lines:
            raise InputError("no document to make a key of", remedy="name a FILE, or - for standard input")
        path = "-"
    with _opened(path) as stream:
        return (_print_lines if arguments.lines else _print_one)(stream, path, compute, arguments)


def _scheme(arguments: argparse.Namespace) -> _Hash:
    namespaced = arguments.scheme == "v1-namespaced"
    if arguments.scheme is None:
        raise InputError(
            "--scheme is missing",
            remedy="--scheme v1 or v1-namespaced for an Argo template, v2 or v2-env for a CacheKey",
        )
    if namespaced and not arguments.namespace:
        raise InputError(
            "v1-namespaced needs the namespace of the pod, not empty",
            remedy="--namespace NS, e.g. --namespace kubeflow",
        )
    if not namespaced and arguments.namespace is not None:
        raise InputError(
            f"a namespace is no part of a {arguments.scheme} key",
            remedy="leave --namespace, or --scheme v1-namespaced",
        )
    schemes: dict[str, _Hash] = {
        "v1": template.template_key,
        "v1-namespaced": partial(template.namespaced_template_key, namespace=arguments.namespace),
        "v2": fingerprint.fingerprint,
        "v2-env": fingerprint.fingerprint_with_env,
    }
    return schemes[arguments.scheme]


def _print_custom(arguments: argparse.Namespace) -> int:
    if arguments.component is None or not arguments.cache_key:
        raise InputError(
            "a custom key is made of --component and --cache-key, the latter not empty",
            remedy="--component NAME --cache-key KEY",
        )
    if arguments.scheme not in {None, "v2", "v2-env"}:
        raise InputError(f"{arguments.scheme} knows no custom keys", remedy="leave --scheme, or --scheme v2")
    if arguments.file is not None or arguments.lines or arguments.namespace is not None:
        raise InputError(
            "a custom key is made of nothing else", remedy="leave FILE, --lines and --namespace, or the custom key"
        )
    try:
        key = fingerprint.custom_key(arguments.component, arguments.cache_key)
    except UnicodeEncodeError:
        raise InputError("--component or --cache-key is not UTF-8", remedy="give text in UTF-8") from None
    _print({"scheme": arguments.scheme or "v2", "key": key}, key, as_json=arguments.json)
    return 0


def _print_one(stream: BinaryIO, path: str, compute: _Hash, arguments: argparse.Namespace) -> int:
    remedy = _REMEDIES[arguments.scheme[:2]]
    document = stream.read()
    if not document.strip():
        raise InputError(f"{_name(path)} is empty", remedy=remedy)
    try:
        key = compute(document)
    except GoJSONError as error:
        raise InputError(f"{_name(path)}: {error}; KFP computes no key for this", remedy=remedy) from None
    _print({"scheme": arguments.scheme, "key": key}, key, as_json=arguments.json)
    return 0


def _print_lines(stream: BinaryIO, path: str, compute: _Hash, arguments: argparse.Namespace) -> int:
    refused = lines = 0
    for lines, line in enumerate(stream, start=1):  # noqa: B007 - counted for the sentence at the end
        try:
            key = compute(line)
        except GoJSONError as error:
            refused += 1
            _print({"scheme": arguments.scheme, "error": str(error)}, f"error: {error}", as_json=arguments.json)
        else:
            _print({"scheme": arguments.scheme, "key": key}, key, as_json=arguments.json)
    if refused:
        print(f"stepcache key: {refused} of {lines} documents in {_name(path)} refused", file=sys.stderr)
    return 1 if refused else 0


def _print(document: dict[str, str], line: str, *, as_json: bool) -> None:
    print(json.dumps(document) if as_json else line)


def _opened(path: str) -> AbstractContextManager[BinaryIO]:
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return open(path, "rb")  # noqa: PTH123 - pathlib would only be loaded for this
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", remedy="name a file that you can read, or -"
        ) from None


def _name(path: str) -> str:
    return "standard input" if path == "-" else path
