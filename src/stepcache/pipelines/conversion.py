"""From the JSON form of KFP's messages (camelCase, defaults absent) to the objects of ``model``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any, Generic, NamedTuple, TypeVar

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import (
    ABSENT,
    ArtifactSpec,
    Component,
    ComponentInput,
    Constant,
    Container,
    Dag,
    DagFacts,
    FinalStatus,
    InputParameter,
    Iterator,
    JsonValue,
    OtherExecutor,
    ParameterSource,
    ParameterType,
    Pipeline,
    RetryPolicy,
    Task,
    TaskOutput,
)

Document = Mapping[str, Any]

ROOT = "root"
T = TypeVar("T")
_EMPTY: Document = {}


@dataclass(frozen=True, slots=True)
class Spec:
    """The documents of a compiled pipeline, as KFP's messages print them."""

    pipeline: Document
    deployment: Document
    platforms: Document
    dags: Mapping[str, DagFacts] = field(default_factory=dict)
    """What ``dag_facts`` found in them."""


def pipeline(documents: Spec) -> Pipeline:
    """The pipeline; its references are not checked (see ``references``)."""
    spec = documents.pipeline
    inputs, outputs, executor = _Once(_inputs), _Once(_outputs), _Once(_executor)

    def component(name: str, document: Document) -> Component:
        return _component(
            name,
            document,
            inputs.of(document.get("inputDefinitions", _EMPTY)),
            outputs.of(document.get("outputDefinitions", _EMPTY)),
        )

    components = {name: component(name, document) for name, document in spec.get("components", _EMPTY).items()}
    executors = {
        name: executor.of(document) for name, document in documents.deployment.get("executors", _EMPTY).items()
    }
    root = component(ROOT, spec["root"])
    name = spec["pipelineInfo"].get("name", "")
    return Pipeline(name, root, components, executors, documents.platforms, documents.dags)


def plain(value: JsonValue) -> JsonValue:
    """A protobuf Value as JSON: its numbers are doubles, and whole ones print without a fraction, as in Go."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


class _Once(Generic[T]):
    """A conversion that is made once of each document, by identity: see ``kept_specs``."""

    def __init__(self, convert: Callable[[Document], T]) -> None:
        self._convert = convert
        self._made: dict[int, T] = {}

    def of(self, document: Document) -> T:
        """What the document comes to; it has to live as long as this."""
        made = self._made.get(id(document))
        if made is None:
            made = self._made[id(document)] = self._convert(document)
        return made


class _Inputs(NamedTuple):
    parameters: Mapping[str, InputParameter]
    artifacts: Mapping[str, ArtifactSpec]
    task_configs: tuple[str, ...]


class _Outputs(NamedTuple):
    parameters: Mapping[str, ParameterType]
    artifacts: Mapping[str, ArtifactSpec]


def _inputs(document: Document) -> _Inputs:
    parameters = {key: _input_parameter(value) for key, value in _entries(document, "parameters")}
    return _Inputs(
        parameters,
        {key: _artifact_spec(value) for key, value in _entries(document, "artifacts")},
        tuple(key for key, item in parameters.items() if item.type is ParameterType.TASK_CONFIG),
    )


def _outputs(document: Document) -> _Outputs:
    return _Outputs(
        {key: _parameter_type(value) for key, value in _entries(document, "parameters")},
        {key: _artifact_spec(value) for key, value in _entries(document, "artifacts")},
    )


def _component(name: str, document: Document, inputs: _Inputs, outputs: _Outputs) -> Component:
    body: Dag | str = _dag(document["dag"]) if "dag" in document else document.get("executorLabel", "")
    return Component(
        name=name,
        inputs=inputs.parameters,
        input_artifacts=inputs.artifacts,
        outputs=outputs.parameters,
        output_artifacts=outputs.artifacts,
        body=body,
        passthroughs={
            item.get("field", "NONE"): item.get("applyToTask", False)
            for item in document.get("taskConfigPassthroughs", ())
        },
        task_configs=inputs.task_configs,
    )


def _entries(document: Document, name: str) -> list[tuple[str, Any]]:
    """A map of the document in the order of its keys: protobuf's maps come in another order in each process."""
    return sorted(document[name].items()) if name in document else []


_DEPRECATED_TYPES = {
    "INT": ParameterType.NUMBER_INTEGER,
    "DOUBLE": ParameterType.NUMBER_DOUBLE,
    "STRING": ParameterType.STRING,
}


def _parameter_type(document: Document) -> ParameterType:
    if "type" in document and "parameterType" not in document:  # the field that SDKs before 2.0 wrote
        return _DEPRECATED_TYPES.get(document["type"], ParameterType.UNSPECIFIED)
    return ParameterType(document.get("parameterType", ParameterType.UNSPECIFIED))


def _input_parameter(document: Document) -> InputParameter:
    return InputParameter(
        type=_parameter_type(document),
        default=plain(document["defaultValue"]) if "defaultValue" in document else ABSENT,
        optional=document.get("isOptional", False),
        literals=tuple(plain(value) for value in document.get("literals", ())),
    )


def _artifact_spec(document: Document) -> ArtifactSpec:
    return ArtifactSpec(
        schema=document.get("artifactType", {}),
        metadata=plain(document.get("metadata", {})),
        is_list=document.get("isArtifactList", False),
        optional=document.get("isOptional", False),
    )


def _dag(document: Document) -> Dag:
    outputs = document.get("outputs", {})
    return Dag(
        tasks={name: _task(name, task) for name, task in _entries(document, "tasks")},
        parameters={name: _parameter_selectors(value) for name, value in _entries(outputs, "parameters")},
        artifacts={
            name: tuple(
                TaskOutput(selector["producerSubtask"], selector["outputArtifactKey"])
                for selector in value.get("artifactSelectors", ())
            )
            for name, value in _entries(outputs, "artifacts")
        },
    )


def _parameter_selectors(document: Document) -> tuple[TaskOutput, ...]:
    if "valueFromParameter" in document:
        selectors = [document["valueFromParameter"]]
    else:
        selectors = document.get("valueFromOneof", {}).get("parameterSelectors", [])
    return tuple(TaskOutput(item["producerSubtask"], item["outputParameterKey"]) for item in selectors)


def _task(name: str, document: Document) -> Task:
    inputs = document.get("inputs", {})
    parameters = {key: _parameter_source(value) for key, value in _entries(inputs, "parameters")}
    artifacts = {key: _artifact_source(value) for key, value in _entries(inputs, "artifacts")}
    caching = document.get("cachingOptions", {})
    trigger = document.get("triggerPolicy", {})
    return Task(
        name=name,
        display_name=document.get("taskInfo", {}).get("name", name),
        component=document.get("componentRef", {}).get("name", ""),
        parameters=parameters,
        artifacts=artifacts,
        dependencies=_producers(document, parameters.values(), artifacts.values()),
        cached=caching.get("enableCache", False),
        cache_key=caching.get("cacheKey", ""),
        condition=trigger.get("condition", ""),
        run_after_failure=trigger.get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED",
        iterator=_iterator(document),
        retry=_retry(document.get("retryPolicy", {})),
    )


def _producers(
    document: Document,
    parameters: Iterable[ParameterSource],
    artifacts: Iterable[TaskOutput | ComponentInput],
) -> tuple[str, ...]:
    producers: dict[str, None] = dict.fromkeys(document.get("dependentTasks", ()))
    for source in parameters:
        if isinstance(source.origin, (TaskOutput, FinalStatus)):
            producers[source.origin.task] = None
    for origin in artifacts:
        if isinstance(origin, TaskOutput):
            producers[origin.task] = None
    return tuple(producers)


def _parameter_source(document: Document) -> ParameterSource:
    selector = document.get("parameterExpressionSelector", "")
    if "taskOutputParameter" in document:
        output = document["taskOutputParameter"]
        return ParameterSource(TaskOutput(output["producerTask"], output["outputParameterKey"]), selector)
    if "componentInputParameter" in document:
        return ParameterSource(ComponentInput(document["componentInputParameter"]), selector)
    if "taskFinalStatus" in document:
        return ParameterSource(FinalStatus(document["taskFinalStatus"]["producerTask"]), selector)
    value = document.get("runtimeValue", {})
    if "constantValue" in value:  # the field that SDKs before 2.0 wrote: {"intValue": …}, {"stringValue": …}, …
        constant = next(iter(value["constantValue"].values()), None)
        return ParameterSource(Constant(plain(constant)), selector)
    return ParameterSource(Constant(plain(value.get("constant"))), selector)


def _artifact_source(document: Document) -> TaskOutput | ComponentInput:
    if "taskOutputArtifact" in document:
        output = document["taskOutputArtifact"]
        return TaskOutput(output["producerTask"], output["outputArtifactKey"])
    return ComponentInput(document.get("componentInputArtifact", ""))


def _iterator(document: Document) -> Iterator | None:
    parallelism = document.get("iteratorPolicy", {}).get("parallelismLimit", 0)
    if "parameterIterator" in document:
        iterator = document["parameterIterator"]
        items = iterator.get("items", {})
        return Iterator(
            item_input=iterator.get("itemInput", ""),
            over_artifacts=False,
            raw=items.get("raw"),
            input_name=items.get("inputParameter", ""),
            parallelism=parallelism,
        )
    if "artifactIterator" in document:
        iterator = document["artifactIterator"]
        name = iterator.get("items", {}).get("inputArtifact", "")
        return Iterator(
            iterator.get("itemInput", ""), over_artifacts=True, raw=None, input_name=name, parallelism=parallelism
        )
    return None


_NO_RETRY = RetryPolicy()


def _retry(document: Document) -> RetryPolicy:
    if not document:
        return _NO_RETRY
    return RetryPolicy(
        max_retries=document.get("maxRetryCount", 0),
        backoff=_seconds(document.get("backoffDuration", "0s")),
        backoff_factor=document.get("backoffFactor", 0.0),
        backoff_max=_seconds(document.get("backoffMaxDuration", "0s")),
    )


def _seconds(duration: str) -> float:
    """Seconds of a protobuf Duration in its JSON form, such as ``3.5s``."""
    return float(duration.removesuffix("s"))


def _executor(document: Document) -> Container | OtherExecutor:
    if "container" in document:
        container = document["container"]
        return Container(
            image=container.get("image", ""),
            command=tuple(container.get("command", ())),
            args=tuple(container.get("args", ())),
            environment={item["name"]: item.get("value", "") for item in container.get("env", ())},
            resources=container.get("resources", {}),
        )
    kind = next(iter(document), "")
    return OtherExecutor(kind, document.get(kind, {}))
