"""Pipelines of one nested DAG, made of flat ones (``compiled.write``)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from tests.pipelines.compiled import Step, constant, output_of, pipeline_input, write

ADD = """
def add(number: int, trace: str) -> int:
    with open(trace, "a") as file:
        file.write(f"add {number}\\n")
    return number + 1
"""


def nest(path: Path) -> dict[str, Any]:
    """Put the tasks of the pipeline at ``path`` into a DAG of their own, the task ``inner``; the new document."""
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    flat = document["root"]
    outputs = flat.get("outputDefinitions", {}).get("parameters", {})
    task = {
        "taskInfo": {"name": "inner"},
        "componentRef": {"name": "comp-inner"},
        "inputs": {
            "parameters": {
                name: {"componentInputParameter": name}
                for name in flat.get("inputDefinitions", {}).get("parameters", {})
            }
        },
    }
    document["components"]["comp-inner"] = copy.deepcopy(flat)
    document["root"] = {
        **{name: value for name, value in flat.items() if name != "dag"},
        "dag": {
            "tasks": {"inner": task},
            "outputs": {
                "parameters": {
                    name: {"valueFromParameter": {"producerSubtask": "inner", "outputParameterKey": name}}
                    for name in outputs
                }
            },
        },
    }
    path.write_text(yaml.safe_dump(document))
    return document


def chain(path: Path, trace: Path, length: int = 3, **changes: Any) -> Path:
    """A nested DAG of ``length`` additions, each of the output of the one before; ``changes`` are to the last."""
    steps = []
    for number in range(length):
        name = f"add-{number}"
        origin = output_of("NUMBER_INTEGER", f"add-{number - 1}")
        steps.append(
            Step(
                name,
                ADD.replace("def add", f"def add_{number}"),
                {
                    "number": origin if number else pipeline_input("NUMBER_INTEGER", "start"),
                    "trace": constant("STRING", str(trace)),
                },
                outputs={"Output": "NUMBER_INTEGER"},
                **(changes if number == length - 1 else {}),
            )
        )
    write(
        path,
        *steps,
        inputs={"start": {"parameterType": "NUMBER_INTEGER", "defaultValue": 0, "isOptional": True}},
        outputs={"result": f"add-{length - 1}.Output"},
    )
    nest(path)
    return path
