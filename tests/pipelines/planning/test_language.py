"""Plans of pipelines that the real SDK compiled (``tests/data/semantics.py``): loops, conditions, importers."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepcache.errors import InputError
from stepcache.pipelines import loading
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.planning.plan import Plan
from stepcache.pipelines.planning.planned_task import PlannedTask
from tests.pipelines.planned import disagreements, files, outlooks, plan
from tests.pipelines.running import results, run

REUSED = ("nesting", "types", "one-of-artifacts", "nested-loops")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace"
    path.touch()
    return path


def task(plan: Plan, name: str) -> PlannedTask:
    return next(task for task in plan.tasks if task.name == name)


def _of_sdk(compiled: Path, name: str) -> Pipeline:
    return loading.load(compiled / f"{name}.yaml")


def test_loops_are_unrolled_as_far_as_their_items_are_known(compiled: Path, home: Path, trace: Path) -> None:
    pipeline = _of_sdk(compiled, "loops")
    given = {"trace": str(trace), "items": '["x", "y"]'}
    found = plan(pipeline, home, given)
    assert outlooks(found) == {
        "for-loop-1[0]/say": "miss first_seen",
        "for-loop-1[0]/say-2": "unknown inputs for-loop-1[0]/say",
        "for-loop-1[1]/say": "miss first_seen",
        "for-loop-1[1]/say-2": "unknown inputs for-loop-1[1]/say",
        "join": "unknown inputs for-loop-1[0]/say for-loop-1[1]/say",
    }
    assert disagreements(found, run(pipeline, home, given)) == []
    more = {**given, "items": '["x", "z"]'}
    found = plan(pipeline, home, more)
    assert {name: words for name, words in outlooks(found).items() if words != "hit"} == {
        "for-loop-1[1]/say": "miss changed",
        "for-loop-1[1]/say-2": "unknown inputs for-loop-1[1]/say",
        "join": "unknown inputs for-loop-1[1]/say",
    }
    assert disagreements(found, run(pipeline, home, more)) == []


def test_a_loop_over_what_is_unknown_is_one_unknown(compiled: Path, home: Path, trace: Path) -> None:
    pipeline = _of_sdk(compiled, "loop-over-artifacts")
    given = {"trace": str(trace)}
    found = outlooks(plan(pipeline, home, given))
    makers = [f"datasets/for-loop-2[{index}]/write-data" for index in range(3)]
    assert found["for-loop-1"] == f"unknown inputs {' '.join(makers)}"
    assert not [name for name in found if name.startswith("for-loop-1[")]
    again = run(pipeline, home, given)
    assert again.error == ""
    assert {words for name, words in outlooks(plan(pipeline, home, given)).items()} == {"hit"}


def test_conditions_are_decided_when_they_can_be(compiled: Path, home: Path, trace: Path) -> None:
    pipeline = _of_sdk(compiled, "conditions")
    given = {"trace": str(trace), "coin": "edge"}
    found = plan(pipeline, home, given)
    decided = {name: words for name, words in outlooks(found).items() if name.startswith("condition-branches")}
    assert sorted(decided.values()) == ["miss first_seen", "skipped", "skipped"]
    assert disagreements(found, run(pipeline, home, given)) == []
    found = plan(pipeline, home, given)
    assert set(outlooks(found).values()) == {"hit", "skipped"}
    assert disagreements(found, run(pipeline, home, given)) == []


def test_a_condition_on_what_is_unknown_decides_later(compiled: Path, home: Path, trace: Path) -> None:
    pipeline = _of_sdk(compiled, "loop-with-condition")
    given = {"trace": str(trace)}
    found = outlooks(plan(pipeline, home, given))
    said = "for-loop-2[0]/say"
    assert found[f"{said.rpartition('/')[0]}/condition-3"] == f"unknown condition {said}"
    assert found[f"{said.rpartition('/')[0]}/condition-3/say-2"] == f"unknown condition {said}"
    run(pipeline, home, given)
    assert set(outlooks(plan(pipeline, home, given)).values()) == {"hit", "skipped"}


def test_exit_handlers_are_others_in_each_run(compiled: Path, home: Path, trace: Path) -> None:
    pipeline = _of_sdk(compiled, "exit-handlers")
    given = {"trace": str(trace), "bad": "nothing"}
    run(pipeline, home, given)
    found = plan(pipeline, home, given)
    assert outlooks(found)["tell"] == "miss changed"
    assert task(found, "tell").key == ""
    assert disagreements(found, run(pipeline, home, given)) == []


def test_importers_look_at_what_is_there(compiled: Path, home: Path, tmp_path: Path) -> None:
    pipeline = _of_sdk(compiled, "imported")
    source = tmp_path / "data.txt"
    source.write_text("one")
    given = {"uri": str(source)}
    assert outlooks(plan(pipeline, home, given)) == {
        "importer": "miss first_seen",
        "read-data": "unknown inputs importer",
    }
    run(pipeline, home, given)
    assert set(outlooks(plan(pipeline, home, given)).values()) == {"hit"}
    source.write_text("two")
    assert outlooks(plan(pipeline, home, given))["importer"] == "miss changed"
    source.unlink()
    found = plan(pipeline, home, given)
    assert outlooks(found) == {"read-data": "skipped"}
    assert "cannot import" in task(found, "importer").note
    anew = _of_sdk(compiled, "imported-anew")
    source.write_text("one")
    run(anew, home, given)
    assert outlooks(plan(anew, home, given)) == {
        "importer": "miss refreshed",
        "read-data": "unknown inputs importer",
    }


def test_artifacts_that_are_given_count_by_what_they_hold(compiled: Path, home: Path, tmp_path: Path) -> None:
    pipeline = _of_sdk(compiled, "artifact-of-the-root")
    source = tmp_path / "data.txt"
    source.write_text("given")
    (tmp_path / "link.txt").symlink_to(source)
    given = {"given": str(source)}
    assert outlooks(plan(pipeline, home, artifacts=given)) == {"name-of": "miss first_seen"}
    assert not home.exists()
    run(pipeline, home, artifacts=given)
    before = files(home)
    assert outlooks(plan(pipeline, home, artifacts=given)) == {"name-of": "hit"}
    assert files(home) == before
    linked = {"given": str(tmp_path / "link.txt")}
    assert disagreements(plan(pipeline, home, artifacts=linked), run(pipeline, home, artifacts=linked)) == []
    elsewhere = plan(pipeline, home, artifacts={"given": "s3://bucket/data.txt"})
    assert outlooks(elsewhere) == {"name-of": "unknown inputs input artifact 'given'"}


def test_what_a_run_refuses_a_plan_refuses(compiled: Path, home: Path) -> None:
    with pytest.raises(InputError, match="container components"):
        plan(_of_sdk(compiled, "dynamic-image"), home, {"image": "alpine:1", "text": "t"})


@pytest.mark.parametrize("name", [*REUSED, "ignoring", "exit-pipeline"])
def test_a_plan_and_its_run_agree(compiled: Path, home: Path, trace: Path, name: str) -> None:
    pipeline = _of_sdk(compiled, name)
    given = {"trace": str(trace)} if "trace" in pipeline.root.inputs else {}
    given |= {"coin": "heads"} if "coin" in pipeline.root.inputs else {}
    for _ in range(3):
        found = plan(pipeline, home, given)
        assert disagreements(found, run(pipeline, home, given)) == []
    if name in REUSED:
        assert set(results(run(pipeline, home, given)).values()) == {"hit"}
