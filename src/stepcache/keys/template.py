"""The key of KFP's v1 cache server: a hash of the parts of an Argo template that make a step what it is.

Source: ``generateCacheKeyFromTemplate`` in kubeflow/pipelines, backend/src/cache/server/mutation.go.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from stepcache.keys.go_json import GoJSONError, decode, encode

_CONTAINER: Final = ("image", "command", "args", "env", "volumeMounts")
_TEMPLATE: Final = ("inputs", "outputs", "volumes", "initContainers", "sidecars")


def template_key(template: bytes | str) -> str:
    """The v1 key of an Argo template in JSON, as KFP up to 2.17 computes it, in lower-case hex.

    Raises GoJSONError where KFP computes none: what is not JSON to Go, what is neither an object nor null, and a
    ``container`` that is not an object (there KFP panics).
    """
    return hashlib.sha256(canonical_template(template)).hexdigest()


def canonical_template(template: bytes | str) -> bytes:
    """What ``template_key`` hashes."""
    value = decode(template)
    return encode(_skeleton({} if value is None else value))


def namespaced_template_key(template: bytes | str, namespace: str) -> str:
    """The v1 key that KFP computes from 2.18 on: bound to the namespace of the pod.

    As ``template_key``; a template that is null is refused too, and so is an empty namespace, for which KFP caches
    nothing. Provisional: it agrees with ``mutation.go`` of kubeflow/pipelines#14359 and its tests, which hold
    no hash to compare with.
    """
    return hashlib.sha256(canonical_namespaced_template(template, namespace)).hexdigest()


def canonical_namespaced_template(template: bytes | str, namespace: str) -> bytes:
    """What ``namespaced_template_key`` hashes."""
    if not namespace:
        raise GoJSONError("KFP caches nothing for a pod without a namespace")
    return encode({"namespace": namespace, "template": _skeleton(decode(template))})


def _skeleton(template: Any) -> dict[str, Any]:
    """The parts that count; a part that is present counts even when it is null."""
    if not isinstance(template, dict):
        raise GoJSONError("an Argo template is a JSON object")
    result = _chosen(template, _TEMPLATE)
    if "container" in template:
        container = template["container"]
        if not isinstance(container, dict):
            raise GoJSONError("the template's container is not an object; KFP panics on this")
        result["container"] = _chosen(container, _CONTAINER)
    return result


def _chosen(mapping: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: mapping[name] for name in names if name in mapping}
