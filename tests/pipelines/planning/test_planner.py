"""Plans say what a run would do, as far as that can be known, and leave everything as it is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepcache import api
from stepcache.cache.cache import Holding
from stepcache.cache.holder import Holder
from stepcache.cache.ticket import Ticket
from stepcache.errors import ArtifactStoreUnavailableError
from stepcache.pipelines import loading
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.planning.plan import Plan
from stepcache.pipelines.planning.planned_task import PlannedTask
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.policy import Policies, Policy, Rule
from stepcache.processes import Process
from stepcache.settings import Settings
from tests.pipelines.compiled import Step, constant, output_of, pipeline_input, write
from tests.pipelines.nested import ADD, chain
from tests.pipelines.planned import disagreements, files, outlooks, plan
from tests.pipelines.running import run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace"
    path.touch()
    return path


def add(name: str, trace: Path, number: Any, **more: Any) -> Step:
    """An addition to ``number``, the source of a parameter."""
    code = ADD.replace("def add", f"def {name.replace('-', '_')}")
    parameters = {"number": number, "trace": constant("STRING", str(trace))}
    return Step(name, code, parameters, outputs={"Output": "NUMBER_INTEGER"}, **more)


def one(number: int = 1) -> tuple[str, dict[str, Any]]:
    return constant("NUMBER_INTEGER", number)


def of(task: str) -> tuple[str, dict[str, Any]]:
    return output_of("NUMBER_INTEGER", task)


def task(plan: Plan, name: str) -> PlannedTask:
    return next(task for task in plan.tasks if task.name == name)


def rule(**policy: Any) -> Policies:
    return Policies((Rule(Policy(**policy)),))


@pytest.fixture
def flat(tmp_path: Path, trace: Path) -> Pipeline:
    """``first`` and ``second``, which takes its output; ``after`` only runs behind ``first``."""
    start = pipeline_input("NUMBER_INTEGER", "start")
    path = write(
        tmp_path / "flat.yaml",
        add("first", trace, start),
        add("second", trace, of("first")),
        add("after", trace, one(50), after=("first",)),
        inputs={"start": {"parameterType": "NUMBER_INTEGER", "defaultValue": 0, "isOptional": True}},
    )
    return loading.load(path)


def test_nothing_is_made_where_nothing_is(flat: Pipeline, home: Path) -> None:
    found = plan(flat, home)
    assert outlooks(found) == {
        "first": "miss first_seen",
        "after": "miss first_seen",
        "second": "unknown inputs first",
    }
    assert not home.exists()
    assert (found.summary.to_execute, found.summary.unknown) == (2, 1)


def test_what_was_stored_would_be_reused(flat: Pipeline, home: Path, trace: Path) -> None:
    ran = run(flat, home)
    before = files(home)
    found = plan(flat, home)
    assert outlooks(found) == {"first": "hit", "after": "hit", "second": "hit"}
    assert {task.name: task.key for task in found.tasks} == {record.name: record.key for record in ran.tasks}
    assert files(home) == before
    assert len(trace.read_text().splitlines()) == 3
    summary = found.summary
    assert (summary.reused, summary.to_execute) == (3, 0)
    assert summary.seconds_saved == pytest.approx(sum(task.seconds or 0 for task in found.tasks))
    assert summary.seconds_saved > 0


def test_a_change_is_followed_as_far_as_it_is_known(flat: Pipeline, home: Path) -> None:
    run(flat, home)
    run(flat, home, {"start": "1"})  # in which 1 became 2
    found = plan(flat, home, {"start": "5"})
    assert outlooks(found) == {"first": "miss changed", "after": "hit", "second": "unknown inputs first"}
    assert disagreements(found, run(flat, home, {"start": "5"})) == []


def test_what_is_unknown_names_where_that_begins(tmp_path: Path, trace: Path, home: Path) -> None:
    steps = [add("a", trace, one()), add("b", trace, of("a")), add("c", trace, of("b")), add("d", trace, one(9))]
    pipeline = loading.load(write(tmp_path / "long.yaml", *steps))
    assert outlooks(plan(pipeline, home)) == {
        "a": "miss first_seen",
        "b": "unknown inputs a",
        "c": "unknown inputs a",
        "d": "miss first_seen",
    }


def test_constants_hold_what_other_inputs_hold(tmp_path: Path, trace: Path, home: Path) -> None:
    inner = add("b", trace, of("a"))
    inner.parameters["trace"] = constant("STRING", f"{trace}{{{{$.inputs.parameters['number']}}}}")
    pipeline = loading.load(write(tmp_path / "constants.yaml", add("a", trace, one()), inner))
    policies = rule(ignore_inputs=frozenset({"number"}))
    assert outlooks(plan(pipeline, home, policies=policies))["b"] == "unknown inputs a"


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (rule(max_staleness=0), {"first": "miss refreshed", "second": "miss refreshed", "after": "miss refreshed"}),
        (rule(cache=False), dict.fromkeys(("first", "second", "after"), "off caching_off")),
        (
            rule(max_staleness=1e-9),
            {"first": "miss stale", "second": "unknown inputs first", "after": "miss stale"},
        ),
        (rule(max_staleness=3600.0), dict.fromkeys(("first", "second", "after"), "hit")),
        (
            Policies((Rule(Policy(max_staleness=0), task="first"),)),
            {"first": "miss refreshed", "second": "unknown inputs first", "after": "hit"},
        ),
    ],
)
def test_policies_are_followed(flat: Pipeline, home: Path, policies: Policies, expected: dict[str, str]) -> None:
    run(flat, home)
    found = plan(flat, home, policies=policies)
    assert outlooks(found) == expected
    assert disagreements(found, run(flat, home, policies=policies)) == []


def test_a_task_that_ignores_what_is_unknown_is_known(tmp_path: Path, trace: Path, home: Path) -> None:
    path = write(tmp_path / "p.yaml", add("a", trace, one()), add("b", trace, of("a")))
    pipeline = loading.load(path)
    policies = Policies((Rule(Policy(ignore_inputs=frozenset({"number"})), task="b"),))
    assert outlooks(plan(pipeline, home, policies=policies))["b"] == "miss first_seen"
    run(pipeline, home, policies=policies)
    refreshing = policies.followed_by([Rule(Policy(max_staleness=0), task="a")])
    found = plan(pipeline, home, policies=refreshing)
    assert outlooks(found) == {"a": "miss refreshed", "b": "hit"}
    document = yaml.safe_load(path.read_text())
    document["root"]["dag"]["tasks"]["b"]["cachingOptions"]["cacheKey"] = "mine"
    path.write_text(yaml.safe_dump(document))
    pipeline = loading.load(path)
    run(pipeline, home)
    refreshing = Policies((Rule(Policy(max_staleness=0), task="a"),))
    assert outlooks(plan(pipeline, home, policies=refreshing)) == {"a": "miss refreshed", "b": "hit"}


def test_what_has_no_caching_is_executed_whatever_it_gets(tmp_path: Path, trace: Path, home: Path) -> None:
    path = write(
        tmp_path / "off.yaml",
        add("a", trace, one(), cached=False),
        add("b", trace, of("a"), cached=False),
        add("c", trace, of("b")),
    )
    pipeline = loading.load(path)
    run(pipeline, home)
    found = plan(pipeline, home)
    assert outlooks(found) == {"a": "off caching_off", "b": "off caching_off", "c": "unknown inputs b"}
    assert found.summary.to_execute == 2


def test_tasks_that_are_the_same_are_executed_once(tmp_path: Path, trace: Path, home: Path) -> None:
    path = write(tmp_path / "twins.yaml", add("a", trace, one()))
    document = yaml.safe_load(path.read_text())
    tasks = document["root"]["dag"]["tasks"]
    tasks["b"] = {**tasks["a"], "taskInfo": {"name": "b"}}
    path.write_text(yaml.safe_dump(document))
    pipeline = loading.load(path)
    assert outlooks(plan(pipeline, home)) == {"a": "miss first_seen", "b": "unknown same_key a"}
    run(pipeline, home)
    assert outlooks(plan(pipeline, home)) == {"a": "hit", "b": "hit"}
    assert set(outlooks(plan(pipeline, home, policies=rule(max_staleness=0))).values()) == {"miss refreshed"}


@pytest.mark.parametrize("dies", [False, True])
def test_what_is_executed_right_now_is_told(flat: Pipeline, home: Path, dies: bool) -> None:
    key = task(plan(flat, home), "first").key

    async def hold() -> Plan:
        async with api.opened(Settings.resolve({}, home=home)) as cache:
            holding = await cache.attempt(Ticket(key, label="another run"))
            assert isinstance(holding, Holding)
            if dies:
                gone = Holder.this_process("another run")
                gone = Holder(gone.host_name, gone.host, Process(2**22 + 1, 1), label="another run")
                await cache.store.renew(holding.claim, lease=60, holder=gone.format())
            found = await asyncio.to_thread(plan, flat, home)
            await holding.release()
            return found

    found = asyncio.run(hold())
    expected = "miss first_seen" if dies else "unknown executing"
    assert (outlooks(found)["first"], outlooks(found)["second"]) == (expected, "unknown inputs first")
    assert dies or task(found, "first").note.startswith("executed now by another run (process ")


def test_damage_is_found_and_left_alone(home: Path, tmp_path: Path) -> None:
    code = (
        "def keep(file: dsl.Output[dsl.Artifact]) -> str:\n    open(file.path, 'w').write('kept')\n    return 'x'"
    )
    step = Step("keep", code, outputs={"Output": "STRING"}, output_artifacts=("file",))
    pipeline = loading.load(write(tmp_path / "keep.yaml", step))
    run(pipeline, home)
    objects = [path for path in (home / "artifacts" / "objects").rglob("*") if path.is_file()]
    before = files(home)
    assert outlooks(plan(pipeline, home)) == {"keep": "hit"}  # its bytes are read, and no proof of that is kept
    assert files(home) == before
    objects[0].chmod(0o644)
    objects[0].write_text("KEPT")
    before = files(home)
    for _ in range(2):
        assert outlooks(plan(pipeline, home)) == {"keep": "miss output_altered"}
    assert files(home) == before
    objects[0].unlink()
    assert outlooks(plan(pipeline, home)) == {"keep": "miss output_missing"}
    (home / "artifacts").rename(home / "elsewhere")
    with pytest.raises(ArtifactStoreUnavailableError, match="is not there"):
        plan(pipeline, home)


def test_a_secret_that_has_changed_is_noticed(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = loading.load(write(tmp_path / "secret.yaml", add("a", trace, one(7000))))
    secret = tmp_path / "value"
    for value, expected in (("7001", "hit"), ("8001", "miss refreshed")):
        secret.write_text("7001")
        run(pipeline, home, bindings=Bindings.parse([f"token/key={secret}"]))
        secret.write_text(value)
        bindings = Bindings.parse([f"token/key={secret}"])
        found = plan(pipeline, home, bindings=bindings)
        assert outlooks(found) == {"a": expected}
        assert disagreements(found, run(pipeline, home, bindings=bindings)) == []


def test_what_would_fail_says_so(tmp_path: Path, home: Path, trace: Path) -> None:
    step = add("a", trace, one())
    step.parameters["number"] = ("NUMBER_INTEGER", {"runtimeValue": {"constant": "no number"}})
    path = write(tmp_path / "bad.yaml", step, add("b", trace, one(), after=("a",)), add("c", trace, one(3)))
    found = plan(loading.load(path), home)
    assert outlooks(found) == {"b": "skipped", "c": "miss first_seen"}
    assert "number" in task(found, "a").note
    assert task(found, "b").note == "not started: task 'a' failed"


def test_requirements_that_are_not_resolved_are_not_resolved(tmp_path: Path, home: Path) -> None:
    path = write(
        tmp_path / "packages.yaml",
        Step("a", "def a() -> int:\n    return 1", outputs={"Output": "NUMBER_INTEGER"}),
        Step("b", "def b(number: int) -> int:\n    return number", {"number": of("a")}),
    )
    document = yaml.safe_load(path.read_text())
    container = document["deploymentSpec"]["executors"]["exec-a"]["container"]
    script = 'python3 -m pip install --quiet --no-warn-script-location \'nothing-of-the-kind==1\' && "$0" "$@"\n'
    container["command"] = ["sh", "-c", script, *container["command"]]
    path.write_text(yaml.safe_dump(document))
    found = plan(loading.load(path), home)
    assert outlooks(found) == {"a": "unknown packages", "b": "unknown inputs a"}
    assert "nothing-of-the-kind" in task(found, "a").note
    assert not home.exists()


def test_a_dag_that_would_be_reused_as_a_whole_says_so(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = loading.load(chain(tmp_path / "chain.yaml", trace))
    run(pipeline, home)
    found = plan(pipeline, home)
    assert set(outlooks(found).values()) == {"hit"}
    inner = task(found, "inner")
    assert (inner.tasks, found.summary.reused) == (3, 3)
    again = run(pipeline, home)
    assert disagreements(found, again) == []
    assert inner.key == next(record.key for record in again.tasks if record.name == "inner")


def test_the_document(flat: Pipeline, home: Path) -> None:
    run(flat, home)
    document = json.loads(json.dumps(plan(flat, home, {"start": "5"}).to_document()))
    assert document["pipeline"] == "flat"
    second = next(task for task in document["tasks"] if task["name"] == "second")
    assert second == {
        "name": "second",
        "result": "unknown",
        "reason": "inputs",
        "key": None,
        "waits_for": ["first"],
        "seconds": None,
        "note": None,
    }
    assert document["summary"]["reused"] == 1
    assert [task["name"] for task in document["tasks"]] == ["first", "after", "second"]
