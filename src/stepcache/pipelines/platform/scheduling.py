"""On which nodes of a cluster a task may run: what the pipeline says, and the JSON of it that TaskConfig holds.

Rules: ``extendPodSpecPatch`` in ``backend/src/v2/driver/k8s.go`` of kubeflow/pipelines. Nothing here is carried
out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import ComponentInput, Constant, JsonValue, TaskOutput
from stepcache.pipelines.platform import names
from stepcache.pipelines.platform.json_object import JsonObject
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.platform.reference import Reference, read_reference

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_REFERENCES = (Constant, ComponentInput, TaskOutput)


@dataclass(frozen=True, slots=True)
class NodeAffinityTerm:
    """One demand on nodes: a preference with a weight, a requirement without."""

    term: Mapping[str, JsonValue]
    weight: int | None


@dataclass(frozen=True, slots=True)
class Scheduling:
    """What one executor asks for. What a parameter brings is a reference to it."""

    node_selector: Mapping[str, str] | Reference | None = None
    tolerations: tuple[Mapping[str, JsonValue] | Reference, ...] = ()
    affinity: tuple[NodeAffinityTerm | Reference, ...] = ()

    @property
    def references(self) -> tuple[Reference, ...]:
        """Where values come from."""
        every = (self.node_selector, *self.tolerations, *self.affinity)
        return tuple(item for item in every if isinstance(item, _REFERENCES))

    def selector_document(self, known: Known) -> JsonValue:
        """The node selector as Kubernetes writes it. Raises ValueError, with a sentence for people."""
        from stepcache.pipelines.platform import go_struct  # few pipelines need it, here and below

        if not isinstance(self.node_selector, _REFERENCES):
            return None if self.node_selector is None else dict(self.node_selector)
        value = names.value(self.node_selector, known, "the node selector comes from")
        return None if value is None else dict(go_struct.labels(value))

    def tolerations_document(self, known: Known) -> JsonValue:
        """The tolerations as Kubernetes writes them. Raises ValueError, with a sentence for people."""
        return list(self._tolerations(known)) or None

    def affinity_document(self, known: Known) -> JsonValue:
        """The affinity as Kubernetes writes it. Raises ValueError, with a sentence for people."""
        from stepcache.pipelines.platform import go_struct

        required: list[JsonValue] = []
        preferred: list[JsonValue] = []
        for item in self.affinity:
            if isinstance(item, NodeAffinityTerm):
                if item.weight is None:
                    required.append(item.term)
                else:
                    preferred.append({"weight": item.weight, "preference": item.term})
                continue
            value = names.value(item, known, "the node affinity comes from")
            if value is not None:
                read = go_struct.node_affinity(value)
                required += read.get(_REQUIRED, {}).get("nodeSelectorTerms") or ()
                preferred += read.get(_PREFERRED, ())
        node: dict[str, JsonValue] = {}
        if required:
            node[_REQUIRED] = {"nodeSelectorTerms": required}
        if preferred:
            node[_PREFERRED] = preferred
        return {"nodeAffinity": node} if node else None

    def _tolerations(self, known: Known) -> Iterator[JsonValue]:
        from stepcache.pipelines.platform import go_struct

        for item in self.tolerations:
            if not isinstance(item, _REFERENCES):
                yield item
                continue
            value = names.value(item, known, "a toleration comes from")
            if value is not None and not isinstance(value, (Mapping, list)):
                raise ValueError(f"a toleration comes from {names.describe(item)}, which is no JSON object or list")
            for one in value if isinstance(value, list) else (value,) if value else ():
                yield go_struct.toleration(one)


def parse(config: JsonObject) -> Scheduling:
    """What the configuration of an executor says. What is wrong with it is noted there."""
    selector = config.object("nodeSelector")
    return Scheduling(
        node_selector=read_reference(selector.object("nodeSelectorJson")) or selector.texts("labels") or None,
        tolerations=tuple(_toleration(item) for item in config.objects("tolerations")),
        affinity=tuple(_terms(config)),
    )


def _toleration(item: JsonObject) -> Mapping[str, JsonValue] | Reference:
    reference = read_reference(item.object("tolerationJson"))
    if reference is not None:
        return reference
    written = {name: text for name in ("key", "operator", "value", "effect") if (text := item.text(name))}
    seconds = item.whole("tolerationSeconds")
    return written if seconds is None else {**written, "tolerationSeconds": seconds}


def _terms(config: JsonObject) -> Iterator[NodeAffinityTerm | Reference]:
    for item in config.objects("nodeAffinity"):
        reference = read_reference(item.object("nodeAffinityJson"))
        if reference is not None:
            yield reference
            continue
        lists = {
            name: [_requirement(one) for one in item.objects(name)] for name in ("matchExpressions", "matchFields")
        }
        term: dict[str, JsonValue] = {name: several for name, several in lists.items() if several}
        if term:  # an empty one is skipped, as by KFP
            yield NodeAffinityTerm(term, item.whole("weight"))


def _requirement(item: JsonObject) -> JsonValue:
    values = item.several_texts("values")
    return {"key": item.text("key"), "operator": item.text("operator"), **({"values": values} if values else {})}
