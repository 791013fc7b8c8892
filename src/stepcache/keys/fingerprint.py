"""The key of KFP's v2 driver: the fingerprint of a ``CacheKey``, or the user's own key.

Source: ``GenerateFingerPrint`` in kubeflow/pipelines, backend/src/v2/cacheutils/cache.go: protojson, then decoded
and printed by ``encoding/json``, then SHA-256.
"""

from __future__ import annotations

import hashlib

from stepcache.keys.cache_key import CACHE_KEY, CACHE_KEY_WITH_ENV, Message
from stepcache.keys.go_json import GoJSONError, escape
from stepcache.keys.json_writer import write
from stepcache.keys.protobuf_json import format_double, reprint


def fingerprint(document: bytes | str) -> str:
    """The v2 key of a ``CacheKey`` in protobuf JSON, as KFP up to 2.17 computes it, in lower-case hex.

    Raises GoJSONError for what Go's protojson refuses (see ``protobuf_json.reprint``) and for invalid UTF-8.
    """
    return hashlib.sha256(canonical_fingerprint(document)).hexdigest()


def canonical_fingerprint(document: bytes | str) -> bytes:
    """What ``fingerprint`` hashes."""
    return _canonical(document, CACHE_KEY)


def fingerprint_with_env(document: bytes | str) -> str:
    """The v2 key that KFP computes from 2.18 on: ``containerSpec.env``, a list of name and value, joins it.

    Order and repeated names count. Without env the key is that of ``fingerprint``. Provisional: it agrees with
    ``cacheutils/cache.go`` of kubeflow/pipelines#14340, but no key that KFP computed was at hand to compare with.
    """
    return hashlib.sha256(canonical_fingerprint_with_env(document)).hexdigest()


def canonical_fingerprint_with_env(document: bytes | str) -> bytes:
    """What ``fingerprint_with_env`` hashes."""
    return _canonical(document, CACHE_KEY_WITH_ENV)


def custom_key(component: str, cache_key: str) -> str:
    """The v2 key of a task with a ``cache_key`` of its own: nothing else counts, not even parameters.

    ``component`` is the name in the task's ``componentRef``; empty, it is left out (``getFingerPrint``).
    """
    head = f"{component}\0" if component else ""
    return hashlib.sha256(f"{head}{cache_key}".encode()).hexdigest()


def _canonical(document: bytes | str, message: Message) -> bytes:
    try:
        text = document.decode() if isinstance(document, bytes) else document
        return escape(write(reprint(text, message), format_double)).encode()
    except UnicodeError:
        raise GoJSONError("invalid UTF-8, or half a surrogate pair") from None
