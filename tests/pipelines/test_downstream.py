"""Which tasks come after one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepcache.pipelines import downstream, loading
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.policy import Policies, Policy, Rule

DATA = Path(__file__).parents[1] / "data" / "pipelines"
TRAINING = DATA.parents[2] / "examples" / "training" / "pipeline.yaml"


@pytest.fixture(scope="module")
def training() -> Pipeline:
    return loading.load(TRAINING)


def test_what_needs_a_task_comes_after_it(training: Pipeline) -> None:
    assert set(downstream.of(training, "prepare-data")) == {"for-loop-1", "choose-model", "condition-2"}
    assert downstream.of(training, "choose-model") == ("condition-2",)
    assert downstream.of(training, "condition-2/publish-model") == ()


def test_what_is_inside_of_a_dag_is_followed_by_what_comes_after_the_dag(training: Pipeline) -> None:
    loop = "for-loop-1"
    after = {"choose-model", "condition-2"}
    assert set(downstream.of(training, f"{loop}[1]/train-model")) == {f"{loop}[1]/evaluate-model"} | after
    assert set(downstream.of(training, f"{loop}/train-model")) == {f"{loop}/evaluate-model"} | after


@pytest.mark.parametrize("path", ["nothing", "prepare-data/more", "", "choose-model/"])
def test_a_task_that_is_not_there_is_an_error(training: Pipeline, path: str) -> None:
    with pytest.raises(KeyError):
        downstream.of(training, path)


@pytest.mark.parametrize("document", sorted(DATA.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_task_never_comes_after_itself(document: Path) -> None:
    pipeline = loading.load(document)
    body = pipeline.root.body
    assert not isinstance(body, str)
    for name, task in body.tasks.items():
        after = downstream.of(pipeline, name)
        assert name not in after
        assert len(after) == len(set(after))
        for dependency in task.dependencies:
            assert {name, *after} <= set(downstream.of(pipeline, dependency))


@pytest.mark.parametrize(
    ("task", "paths", "is_in"),
    [
        ("a", {"a"}, True),
        ("a/b", {"a"}, True),
        ("a[0]", {"a"}, True),
        ("a[0]/b[1]/c", {"a"}, True),
        ("a[0]/b[1]/c", {"a/b"}, True),
        ("a[0]/b[1]/c", {"a[0]/b[1]"}, True),
        ("a[0]/b[1]/c", {"a[1]"}, False),
        ("a[10]", {"a[1]"}, False),
        ("ab", {"a"}, False),
        ("b/a", {"a"}, False),
        ("a", {"a/b", "b"}, False),
        ("a", set(), False),
    ],
)
def test_a_task_is_at_a_path_or_inside_of_it(task: str, paths: set[str], is_in: bool) -> None:
    assert downstream.is_in(task, paths) is is_in
    rule = Rule(Policy(max_staleness=0), within=frozenset(paths))
    assert (Policies((rule,)).of("pipeline", "comp", task).max_staleness == 0) is is_in
