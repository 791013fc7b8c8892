"""What a step is told: KFP's ``ExecutorInput``, with every output at a path inside the step's own directory.

Rules: ``prepareOutput`` and ``provisionOutputs`` in ``backend/src/v2`` of kubeflow/pipelines.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from stepcache.artifacts.artifact import Artifact
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import Component
from stepcache.pipelines.values import ArtifactValue, Values


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """Where a step writes, below one directory of its own."""

    root: Path

    @property
    def executor_output(self) -> Path:
        """The file in which KFP's executor leaves parameters and artifact metadata."""
        return self.root / "executor_output.json"

    def parameter(self, name: str) -> Path:
        """The file of one output parameter."""
        return self.root / "parameters" / name

    def artifact(self, name: str) -> Path:
        """The file or directory of one output artifact; its last part is the output's name, as under KFP."""
        return self.root / "artifacts" / name


def build(
    component: Component, inputs: Values, outputs: OutputPaths, locate: Callable[[Artifact], Path]
) -> dict[str, Any]:
    """The JSON form of the step's ``ExecutorInput``; ``locate`` tells where a stored artifact is."""
    return {
        "inputs": {
            "parameterValues": inputs.parameters,
            "artifacts": {
                name: {"artifacts": [_input_artifact(value, locate) for value in values]}
                for name, values in inputs.artifacts.items()
            },
        },
        "outputs": {
            "parameters": {name: {"outputFile": str(outputs.parameter(name))} for name in component.outputs},
            "artifacts": {
                name: {
                    "artifacts": [
                        {
                            "name": name,
                            "type": dict(declared.schema),
                            "uri": str(outputs.artifact(name)),
                            "metadata": dict(declared.metadata),
                        }
                    ]
                }
                for name, declared in component.output_artifacts.items()
            },
            "outputFile": str(outputs.executor_output),
        },
    }


def _input_artifact(value: ArtifactValue, locate: Callable[[Artifact], Path]) -> dict[str, Any]:
    uri = value.uri if value.content is None else str(locate(value.content))
    return {"name": value.name, "type": dict(value.schema), "uri": uri, "metadata": dict(value.metadata)}
