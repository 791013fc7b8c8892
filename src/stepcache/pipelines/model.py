"""A compiled pipeline as the engine sees it: plain immutable objects made from KFP's messages.

Names follow ``pipeline_spec.proto``. The whole language is represented; ``unsupported`` tells what this release
does not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, Final

from stepcache.light_dataclasses import dataclass

JsonValue = Any
"""None, bool, int, float, str, list or dict of these."""


class _Absent:
    """The value of an optional parameter that nobody set, which is not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class ParameterType(StrEnum):
    """``ParameterType.ParameterTypeEnum``."""

    UNSPECIFIED = "PARAMETER_TYPE_ENUM_UNSPECIFIED"
    NUMBER_DOUBLE = "NUMBER_DOUBLE"
    NUMBER_INTEGER = "NUMBER_INTEGER"
    STRING = "STRING"
    BOOLEAN = "BOOLEAN"
    LIST = "LIST"
    STRUCT = "STRUCT"
    TASK_FINAL_STATUS = "TASK_FINAL_STATUS"
    TASK_CONFIG = "TASK_CONFIG"


@dataclass(frozen=True, slots=True)
class InputParameter:
    """One input parameter of a component."""

    type: ParameterType
    default: JsonValue = ABSENT
    optional: bool = False
    literals: tuple[JsonValue, ...] = ()


@dataclass(frozen=True, slots=True)
class ArtifactSpec:
    """One input or output artifact of a component. ``schema`` is the JSON form of ``ArtifactTypeSchema``."""

    schema: Mapping[str, str]
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    is_list: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class TaskOutput:
    """An output of another task of the same DAG."""

    task: str
    output: str


@dataclass(frozen=True, slots=True)
class ComponentInput:
    """An input of the component that the DAG belongs to."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal value; a string may hold placeholders."""

    value: JsonValue


@dataclass(frozen=True, slots=True)
class FinalStatus:
    """The ``PipelineTaskFinalStatus`` of another task of the same DAG."""

    task: str


Origin = TaskOutput | ComponentInput | Constant | FinalStatus


@dataclass(frozen=True, slots=True)
class ParameterSource:
    """Where an input parameter of a task comes from; ``selector`` is KFP's ``parameter_expression_selector``."""

    origin: Origin
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Iterator:
    """A ParallelFor: one execution of the task's component for each item."""

    item_input: str
    over_artifacts: bool
    raw: str | None
    """The items as a JSON text, or None when ``input_name`` names an input of the task."""
    input_name: str = ""
    parallelism: int = 0
    """How many iterations run at the same time; 0 for no limit of its own."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and after how many seconds, a failed task is tried again."""

    max_retries: int = 0
    backoff: float = 0.0
    backoff_factor: float = 0.0
    backoff_max: float = 0.0

    def pause(self, failed: int) -> float:
        """Seconds to wait after ``failed`` failed attempts, at least one: ``backoff``, growing by the factor with
        each, up to the maximum (``retry`` in ``backend/src/v2/compiler/argocompiler/common.go``).
        """
        pause = self.backoff * max(self.backoff_factor, 1.0) ** (failed - 1)
        return min(pause, self.backoff_max) if self.backoff_max else pause


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a DAG."""

    name: str
    display_name: str
    component: str
    parameters: Mapping[str, ParameterSource]
    artifacts: Mapping[str, TaskOutput | ComponentInput]
    dependencies: tuple[str, ...]
    """``dependentTasks`` and the producers of inputs, each once."""
    cached: bool = False
    cache_key: str = ""
    condition: str = ""
    run_after_failure: bool = False
    """Trigger strategy ALL_UPSTREAM_TASKS_COMPLETED."""
    iterator: Iterator | None = None
    retry: RetryPolicy = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Dag:
    """The tasks of a component, and which of their outputs are its own (several for a OneOf)."""

    tasks: Mapping[str, Task]
    parameters: Mapping[str, tuple[TaskOutput, ...]]
    artifacts: Mapping[str, tuple[TaskOutput, ...]]


@dataclass(frozen=True, slots=True)
class Component:
    """What a task executes: a DAG, or an executor by its label."""

    name: str
    inputs: Mapping[str, InputParameter]
    input_artifacts: Mapping[str, ArtifactSpec]
    outputs: Mapping[str, ParameterType]
    output_artifacts: Mapping[str, ArtifactSpec]
    body: Dag | str
    passthroughs: Mapping[str, bool] = field(default_factory=dict)
    """The groups of settings that it is told of, and whether each applies to its task too."""
    task_configs: tuple[str, ...] = ()
    """The inputs that hold what it is told: those of type TASK_CONFIG."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container executor: a command in an image. A lightweight Python component is one too."""

    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    environment: Mapping[str, str]
    resources: Mapping[str, JsonValue] = field(default_factory=dict)
    """The JSON form of ``ResourceSpec``."""


@dataclass(frozen=True, slots=True)
class OtherExecutor:
    """An executor that is not a container: ``kind`` is ``importer``, ``resolver`` or ``customJob``."""

    kind: str
    document: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class DagFacts:
    """A component that is a DAG, with everything that it reaches: what its reuse as a whole depends on."""

    content: str
    """A digest of its definition and of those of all components and executors that it reaches."""
    steps: int
    """How many tasks with an executor it has, those of nested DAGs and once those of loops included."""
    labels: tuple[str, ...]
    """Every executor that it reaches."""
    kinds: tuple[str, ...]
    """One label of those that run on the same image with the same packages."""
    names_places: bool
    """Whether its definition names the artifact store or the workspace by a placeholder."""
    is_closed: bool
    """Whether the keys of its steps come of its definition and its inputs alone, and all are to be cached."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A compiled pipeline."""

    name: str
    root: Component
    components: Mapping[str, Component]
    executors: Mapping[str, Container | OtherExecutor]
    platforms: Mapping[str, JsonValue] = field(default_factory=dict)
    """The platform spec, if the package has one."""
    dags: Mapping[str, DagFacts] = field(default_factory=dict)
    """What is known of the components that are DAGs, the root aside, by name."""
