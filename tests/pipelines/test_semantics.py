"""What the language means, on pipelines that the real SDK compiled (``tests/data/semantics.py``)."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stepcache.pipelines import loading
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.result import RunResult
from tests.pipelines.running import results, run, states


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class Case:
    """One pipeline, run as often as a test likes, and the file in which its steps leave their traces."""

    def __init__(self, pipeline: Pipeline, home: Path, trace: Path) -> None:
        self._pipeline, self._home, self._trace = pipeline, home, trace
        trace.touch()

    def __call__(self, **parameters: Any) -> RunResult:
        traced = {"trace": str(self._trace)} if "trace" in self._pipeline.root.inputs else {}
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
        return run(self._pipeline, self._home, {**traced, **texts}, host_commands=True, max_parallel=4)

    def with_artifacts(self, **artifacts: str) -> RunResult:
        """Run it with these artifacts."""
        return run(self._pipeline, self._home, artifacts=artifacts)

    def traces(self) -> list[str]:
        """What was executed since the last call, sorted."""
        lines = self._trace.read_text().splitlines()
        self._trace.write_text("")
        return sorted(lines)


@pytest.fixture
def case(request: pytest.FixtureRequest, compiled: Path, home: Path, tmp_path: Path) -> Case:
    """The pipeline that the test is named after: ``test_NAME`` or ``test_NAME__more``."""
    name = request.function.__name__.removeprefix("test_").partition("__")[0].replace("_", "-")
    return Case(loading.load(compiled / f"{name}.yaml"), home, tmp_path / "trace")


def output(result: RunResult) -> Any:
    assert result.error == ""
    return result.outputs.parameters["Output"]


@pytest.mark.parametrize(
    ("coin", "said"), [("heads", ["after heads", "heads", "heads"]), ("edge", ["edge"] * 2), ("x", ["tails"] * 2)]
)
def test_conditions(case: Case, coin: str, said: list[str]) -> None:
    result = case(coin=coin)
    assert output(result) == said[-1]
    # The last step says what a branch said: one key, so it is executed once.
    assert case.traces() == sorted(set(said))
    skipped = [name for name, state in states(result).items() if state == "SKIPPED"]
    assert len([name for name in skipped if name.count("/") == 1]) == 2


def test_one_of_artifacts(case: Case) -> None:
    assert output(case(coin="heads")) == "heads5"
    assert output(case(coin="tails")) == "tails!6"


def test_loops(case: Case) -> None:
    result = case(items=["x", "y", "x"])
    assert output(result) == "xx,yy,xx"
    assert case.traces() == ["x", "xx", "y", "yy"]  # two iterations of one key: one execution
    shared = [task for task in result.tasks if task.name in ("for-loop-1[0]/say", "for-loop-1[2]/say")]
    assert sorted(str(task.result) for task in shared) in (["hit", "miss"], ["miss", "shared"])
    assert output(case(items=["y", "z"])) == "yy,zz"
    assert case.traces() == ["z", "zz"]


def test_loops__over_nothing(case: Case) -> None:
    assert output(case(items=[])) == ""


def test_loops__over_a_text(case: Case) -> None:
    with pytest.raises(Exception, match="items"):
        case(items="{}")


def test_nested_loops(case: Case) -> None:
    assert output(case()) == "a7,a8;b7,b8"


def test_loop_with_condition(case: Case) -> None:
    result = case()
    assert output(result) == "kept a,kept c"
    assert states(result)["for-loop-2[1]/condition-3"] == "SKIPPED"
    assert states(result)["for-loop-2[1]"] == "SUCCEEDED"


def test_loop_over_artifacts(case: Case) -> None:
    result = case()
    assert output(result) == "x,yy,zzz"
    assert case.traces() == ["x1", "yy2", "zzz3"]
    began = {task.name: (task.started_at, task.finished_at) for task in result.tasks}
    iterations = sorted(began[name] for name in began if name.startswith("for-loop-1[") and "/" not in name)
    assert len(iterations) == 3
    assert all(first[1] <= second[0] for first, second in pairwise(iterations))


def test_failing_loop(case: Case) -> None:
    result = case()
    assert (result.state, result.outputs.parameters) == ("FAILED", {})
    # Iterations are DAGs of their own: the others go on to their end.
    assert case.traces() == ["a", "bad", "c", "then a", "then c"]
    found = states(result)
    assert [found[f"for-loop-2{index}"] for index in ("[0]", "[1]", "")] == ["SUCCEEDED", "FAILED", "FAILED"]
    assert found["join"] == "SKIPPED"
    assert "bad" not in result.error
    assert "for-loop-2[1]" in result.error


def test_failing_loop_one_by_one(case: Case) -> None:
    assert case().state == "FAILED"
    assert case.traces() == ["a", "bad"]


def test_exit_handlers(case: Case) -> None:
    result = case(bad="nothing")
    assert result.state == "SUCCEEDED"
    assert case.traces() == ["exit COMPLETE exit-handler-1 ", "first", "second"]


def test_exit_handlers__after_a_failure(case: Case) -> None:
    result = case(bad="first")
    assert result.state == "FAILED"
    ended, first = case.traces()
    assert first == "first"
    assert ended.startswith("exit FAILED exit-handler-1 task 'exit-handler-1/fail-if' failed: the step ended with")
    assert states(result)["exit-handler-1/say"] == "SKIPPED"
    assert states(result)["tell"] == "SUCCEEDED"


def test_exit_pipeline(case: Case) -> None:
    result = case()
    assert result.state == "FAILED"
    assert case.traces() == ["clean", "up", "x"]


def test_ignoring(case: Case) -> None:
    result = case()
    assert result.state == "FAILED"
    assert case.traces() == ["all the same", "x"]
    assert states(result) == {"fail-if": "FAILED", "say": "SUCCEEDED", "say-2": "SKIPPED"}


def test_retries(case: Case) -> None:
    assert output(case(until=3)) == "after 3"
    assert case.traces() == ["attempt"] * 3
    assert results(case(until=3)) == {"count-and-fail": "hit"}


def test_retries__are_limited(case: Case) -> None:
    assert case(until=9).state == "FAILED"
    assert case.traces() == ["attempt"] * 3


def test_types(case: Case) -> None:
    assert json.loads(output(case())) == [3, 0.5, True, [1, "a", None], {"a": [1.5], "b": 2}, None]
    assert set(results(case()).values()) == {"hit"}


def test_nesting(case: Case) -> None:
    assert output(case()) == "a!!"
    assert case.traces() == ["a", "a!", "a!", "a!!"]  # what a constant refers to is an input, too, as under KFP


def test_custom_key(case: Case) -> None:
    assert output(case(text="first")) == "first"
    second = case(text="second")
    assert (output(second), results(second)) == ("first", {"say": "hit"})  # nothing else counts, as under KFP


def test_dynamic_image(case: Case) -> None:
    assert output(case(image="alpine:1", text="t")) == "t"
    assert results(case(image="alpine:1", text="t")) == {"in-image": "hit"}
    assert results(case(image="alpine:2", text="t")) == {"in-image": "miss"}


def test_structures(case: Case) -> None:
    assert output(case()) == "<--first=one><--none>"
    assert output(case(second="2")) == "<--first=one><--second><2><x=2>"
    assert output(case(second="{{$}}")) == "<--first=one><--second><{{$}}><x={{$}}>"


def test_imported(case: Case, tmp_path: Path) -> None:
    source = tmp_path / "data.txt"
    source.write_text("one")
    assert output(case(uri=str(source))) == "onen"
    assert set(results(case(uri=source.as_uri())).values()) == {"hit", "miss"}  # another name for the same bytes
    assert set(results(case(uri=str(source))).values()) == {"hit"}
    source.write_text("two")
    changed = case(uri=str(source))
    assert (output(changed), results(changed)) == ("twon", {"importer": "miss", "read-data": "miss"})


def test_imported__what_is_not_there(case: Case, tmp_path: Path) -> None:
    result = case(uri=str(tmp_path / "nothing"))
    assert result.state == "FAILED"
    assert f"cannot import {tmp_path / 'nothing'}" in result.error


def test_imported__from_another_file_system(case: Case, tmp_path: Path) -> None:
    source = tmp_path / "data.txt"
    source.write_text("one")
    assert output(case(uri=f"local://{source}")) == "onen"


def test_imported__of_an_unknown_scheme(case: Case) -> None:
    result = case(uri="nowhere://a/b")
    assert states(result) == {"importer": "SUCCEEDED", "read-data": "FAILED"}


def test_imported_anew(case: Case, tmp_path: Path) -> None:
    source = tmp_path / "data.txt"
    source.write_text("one")
    case(uri=str(source))
    again = case(uri=str(source))
    assert [(str(task.result), task.reason) for task in again.tasks] == [("miss", "refreshed"), ("hit", "")]


def test_artifact_of_the_root(case: Case, tmp_path: Path) -> None:
    source = tmp_path / "data.txt"
    source.write_text("given")
    assert output(case.with_artifacts(given=str(source))) == "given"
    assert source.read_text() == "given"
    assert set(results(case.with_artifacts(given=source.as_uri())).values()) == {"hit"}


def test_names(case: Case) -> None:
    assert output(case()) == "say"
