"""Where inputs come from, through nested pipelines and loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepcache.pipelines import loading
from stepcache.pipelines.model import Dag, Pipeline
from stepcache.pipelines.provenance import Origin, origins
from tests.pipelines.nested import chain

SAMPLES = Path(__file__).parents[1] / "data" / "pipelines"


@pytest.fixture
def nested(tmp_path: Path) -> Pipeline:
    return loading.load(chain(tmp_path / "chain.yaml", tmp_path / "trace"))


def test_an_input_of_the_run_is_followed_into_a_nested_pipeline(nested: Pipeline) -> None:
    assert origins(nested, "inner/add-0") == {"number": Origin("start")}
    assert origins(nested, "inner/add-2") == {"number": Origin("Output", "inner/add-1")}


def test_of_what_is_not_there_nothing_is_said(nested: Pipeline) -> None:
    for path in ("", "nothing", "inner/nothing", "inner/add-0/nothing"):
        assert origins(nested, path) == {}


def test_an_item_of_a_loop_comes_from_what_made_the_list() -> None:
    pipeline = loading.load(SAMPLES / "loop_consume_upstream.yaml")
    assert origins(pipeline, "for-loop-1[0]/create-file") == {"content": Origin("Output", "split-input")}
    made = Origin("file", "for-loop-1[1]/create-file")
    assert origins(pipeline, "for-loop-1[1]/read-file") == {"file": made}


def test_an_output_of_a_nested_pipeline_is_that_of_the_task_inside() -> None:
    pipeline = loading.load(SAMPLES / "nested_with_parameters.yaml")
    found = {name: origins(pipeline, name) for name in _paths(pipeline)}
    inside = {origin.task for origins in found.values() for origin in origins.values() if "/" in origin.task}
    assert inside
    assert inside <= set(_paths(pipeline))


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_origin_is_a_task_of_the_pipeline(sample: Path) -> None:
    pipeline = loading.load(sample)
    paths = set(_paths(pipeline))
    for path in paths:
        for origin in origins(pipeline, path).values():
            assert not origin.task or origin.task in paths
            assert Origin.from_document(origin.to_document()) == origin


def _paths(pipeline: Pipeline) -> list[str]:
    """Every task, loops as if they were plain."""
    found, pending = [], [("", pipeline.root)]
    while pending:
        prefix, component = pending.pop()
        if isinstance(component.body, Dag):
            for name, task in component.body.tasks.items():
                found.append(f"{prefix}{name}")
                pending.append((f"{prefix}{name}/", pipeline.components[task.component]))
    return found
