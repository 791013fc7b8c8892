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

_FIT = """
def train(epochs: int, model: dsl.Output[dsl.Model]):
    with open(model.path, "w") as file:
        file.write(f"weights of {epochs} epochs")
"""
_EVALUATE = """
def evaluate(model: dsl.Input[dsl.Model], score: dsl.Output[dsl.Metrics]):
    with open(model.path) as file, open(score.path, "w") as out:
        out.write(f"score of {file.read()}")
"""
_REPORT_SCORE = """
def report(score: dsl.Input[dsl.Metrics]) -> str:
    with open(score.path) as file:
        return file.read()
"""


def furnish(directory: Path) -> None:
    """Write ``pipeline.yaml`` and ``training.yaml``."""
    _pipeline(directory)
    _training(directory / "training.yaml")


def _pipeline(directory: Path) -> None:
    """A pipeline in which ``train`` takes what ``prepare`` left, and ``report`` what that left."""
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


def _training(path: Path) -> None:
    """A pipeline of three tasks, each of which takes the output of the one before."""
    write(
        path,
        Step(
            "train",
            _FIT,
            {"epochs": pipeline_input("NUMBER_INTEGER", "epochs")},
            output_artifacts=("model",),
        ),
        Step("evaluate", _EVALUATE, artifacts={"model": ("train", "model")}, output_artifacts=("score",)),
        Step("report", _REPORT_SCORE, artifacts={"score": ("evaluate", "score")}, outputs={"Output": "STRING"}),
        inputs={"epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3, "isOptional": True}},
    )
