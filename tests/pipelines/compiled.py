"""Compiled pipelines for tests, written as the KFP SDK compiles lightweight Python components."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SHELL = (
    "program_path=$(mktemp -d)\n\n"
    'printf "%s" "$0" > "$program_path/ephemeral_component.py"\n'
    "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main "
    '--component_module_path "$program_path/ephemeral_component.py" "$@"\n'
)
PREAMBLE = "\nimport kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\n"


@dataclass
class Step:
    """A component and the one task that executes it. ``code`` defines a function of the same name."""

    name: str
    code: str
    parameters: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """Input parameter: (type, source as in the IR)."""
    artifacts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Input artifact: (producer task, output)."""
    outputs: dict[str, str] = field(default_factory=dict)
    output_artifacts: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    cached: bool = True
    environment: dict[str, str] = field(default_factory=dict)


def constant(kind: str, value: Any) -> tuple[str, dict[str, Any]]:
    """A parameter with this constant value."""
    return kind, {"runtimeValue": {"constant": value}}


def pipeline_input(kind: str, name: str) -> tuple[str, dict[str, Any]]:
    """A parameter taken from the pipeline's own."""
    return kind, {"componentInputParameter": name}


def output_of(kind: str, task: str, output: str = "Output") -> tuple[str, dict[str, Any]]:
    """A parameter taken from another task."""
    return kind, {"taskOutputParameter": {"producerTask": task, "outputParameterKey": output}}


def write(
    path: Path, *steps: Step, inputs: dict[str, dict[str, Any]] | None = None, outputs: dict[str, str] | None = None
) -> Path:
    """Write the pipeline of these steps to ``path``; ``outputs`` maps a name to ``task.output``."""
    root: dict[str, Any] = {"dag": {"tasks": {step.name: _task(step) for step in steps}}}
    if inputs:
        root["inputDefinitions"] = {"parameters": inputs}
    if outputs:
        root["dag"]["outputs"] = {"parameters": {}}
        root["outputDefinitions"] = {"parameters": {}}
        for name, origin in outputs.items():
            task, output = origin.split(".")
            kind = next(step.outputs[output] for step in steps if step.name == task)
            root["outputDefinitions"]["parameters"][name] = {"parameterType": kind}
            root["dag"]["outputs"]["parameters"][name] = {
                "valueFromParameter": {"producerSubtask": task, "outputParameterKey": output}
            }
    document = {
        "pipelineInfo": {"name": path.stem},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.14.3",
        "components": {f"comp-{step.name}": _component(step) for step in steps},
        "deploymentSpec": {"executors": {f"exec-{step.name}": {"container": _container(step)} for step in steps}},
        "root": root,
    }
    path.write_text(yaml.safe_dump(document))
    return path


def _artifact() -> dict[str, Any]:
    return {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}


def _component(step: Step) -> dict[str, Any]:
    return {
        "executorLabel": f"exec-{step.name}",
        "inputDefinitions": {
            "parameters": {name: {"parameterType": kind} for name, (kind, _) in step.parameters.items()},
            "artifacts": {name: _artifact() for name in step.artifacts},
        },
        "outputDefinitions": {
            "parameters": {name: {"parameterType": kind} for name, kind in step.outputs.items()},
            "artifacts": {name: _artifact() for name in step.output_artifacts},
        },
    }


def _task(step: Step) -> dict[str, Any]:
    return {
        "taskInfo": {"name": step.name},
        "componentRef": {"name": f"comp-{step.name}"},
        "cachingOptions": {"enableCache": True} if step.cached else {},
        "dependentTasks": list(step.after),
        "inputs": {
            "parameters": {name: source for name, (_, source) in step.parameters.items()},
            "artifacts": {
                name: {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": output}}
                for name, (task, output) in step.artifacts.items()
            },
        },
    }


def _container(step: Step) -> dict[str, Any]:
    return {
        "image": "python:3.11",
        "command": ["sh", "-ec", SHELL, PREAMBLE + textwrap.dedent(step.code).strip() + "\n"],
        "args": ["--executor_input", "{{$}}", "--function_to_execute", step.name.replace("-", "_")],
        "env": [{"name": name, "value": value} for name, value in step.environment.items()],
    }
