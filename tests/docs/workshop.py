"""Where the reader of a page that is read in order would sit: an empty home, and the files that pages name."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.pipelines.compiled import Step, output_of, pipeline_input, write

_PREPARE = """
def prepare(rows: int, data: dsl.Output[dsl.Dataset]) -> int:
    with open(data.path, "w") as file:
        file.writelines(f"{row}\\n" for row in range(rows))
    print(f"wrote {rows} rows")
    return rows
"""
_TRAIN = """
def train(rows: int, epochs: int, model: dsl.Output[dsl.Model]) -> float:
    with open(model.path, "w") as file:
        file.write("weights" * 1000)
    for epoch in range(epochs):
        print(f"epoch {epoch + 1}: loss {1 / (epoch + 1):.2f}")
    return 1 - 1 / (epochs + 1)
"""
_REPORT = """
def report(accuracy: float) -> str:
    return f"accuracy {accuracy:.2f}"
"""


def furnish(directory: Path) -> None:
    """Write ``pipeline.yaml``, in which ``train`` takes what ``prepare`` left, and ``report`` what that left."""
    whole = {"parameterType": "NUMBER_INTEGER"}
    pipeline = write(
        directory / "pipeline.yaml",
        Step(
            "prepare",
            _PREPARE,
            {"rows": pipeline_input("NUMBER_INTEGER", "rows")},
            outputs={"Output": "NUMBER_INTEGER"},
            output_artifacts=("data",),
        ),
        Step(
            "train",
            _TRAIN,
            {
                "rows": output_of("NUMBER_INTEGER", "prepare"),
                "epochs": pipeline_input("NUMBER_INTEGER", "epochs"),
            },
            outputs={"Output": "NUMBER_DOUBLE"},
            output_artifacts=("model",),
        ),
        Step(
            "report",
            _REPORT,
            {"accuracy": output_of("NUMBER_DOUBLE", "train")},
            outputs={"Output": "STRING"},
        ),
        inputs={"rows": {**whole, "defaultValue": 100}, "epochs": {**whole, "defaultValue": 3}},
        outputs={"summary": "report.Output"},
    )
    document = yaml.safe_load(pipeline.read_text())
    document["pipelineInfo"]["name"] = "training"
    pipeline.write_text(yaml.safe_dump(document))
