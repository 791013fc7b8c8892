"""Nested DAGs are reused as a whole when each of their tasks would be, and only then."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepcache import api
from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.ticket import Verify
from stepcache.pipelines import loading
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.policy import Policies, Policy, Rule
from stepcache.pipelines.result import RunResult
from stepcache.settings import Settings
from stepcache.stores.runs import TaskRow
from stepcache.stores.sqlite.store import SqliteStore
from tests.pipelines.compiled import Step, constant, write
from tests.pipelines.nested import chain, nest
from tests.pipelines.running import results, run, states

ALL_REUSED = {"inner": "hit", "inner/add-0": "hit", "inner/add-1": "hit", "inner/add-2": "hit"}
ONE_BY_ONE = {name: "hit" for name in ALL_REUSED if name != "inner"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace"
    path.touch()
    return path


@pytest.fixture
def pipeline(tmp_path: Path, trace: Path) -> Pipeline:
    return loading.load(chain(tmp_path / "chain.yaml", trace))


def in_store(home: Path, ask: Callable[[Any], Any]) -> Any:
    """What ``ask`` answers of the store in ``home``."""

    async def asked() -> Any:
        async with api.opened(Settings.resolve({}, home=home)) as cache:
            return await ask(cache.store)

    return asyncio.run(asked())


def task(result: RunResult, name: str) -> Any:
    return next(task for task in result.tasks if task.name == name)


def invalidate(home: Path, *keys: str) -> None:
    async def all_of_them(store: Any) -> list[Any]:
        return [await store.invalidate(key) for key in keys]

    assert all(answer.entry for answer in in_store(home, all_of_them))


def policies(**policy: Any) -> Policies:
    where = {name: policy.pop(name) for name in ("task", "component") if name in policy}
    return Policies((Rule(Policy(**policy), **where),))


def test_a_dag_whose_tasks_were_all_stored_is_reused_as_a_whole(
    pipeline: Pipeline, home: Path, trace: Path
) -> None:
    first = run(pipeline, home)
    assert results(first) == dict.fromkeys(ONE_BY_ONE, "miss")
    second = run(pipeline, home)
    assert results(second) == ALL_REUSED
    assert second.outputs == first.outputs
    assert task(second, "inner").tasks == 3
    assert trace.read_text().splitlines() == ["add 0", "add 1", "add 2"]


def test_the_tasks_of_the_dag_are_recorded_as_if_each_had_been_reused(pipeline: Pipeline, home: Path) -> None:
    run(pipeline, home)
    whole = run(pipeline, home)
    invalidate(home, task(whole, "inner").key)
    one_by_one = run(pipeline, home)
    assert results(one_by_one) == ONE_BY_ONE

    def rows(result: RunResult) -> list[tuple[Any, ...]]:
        found: list[TaskRow] = in_store(home, lambda store: store.tasks(result.run_id))
        told = [(row.name, row.component, row.state, row.log, row.outputs) for row in found]
        return told + [(row.name, row.result, row.key) for row in found if row.name != "inner"]

    assert rows(whole) == rows(one_by_one)
    assert [record.name for record in whole.tasks] == [record.name for record in one_by_one.tasks]


def test_it_is_one_look_up(tmp_path: Path, home: Path, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = loading.load(chain(tmp_path / "long.yaml", trace, 12))
    run(pipeline, home)
    looked_up = []
    lookup = SqliteStore.lookup

    async def counted(store: SqliteStore, key: str) -> Any:
        looked_up.append(key)
        return await lookup(store, key)

    monkeypatch.setattr(SqliteStore, "lookup", counted)
    whole = run(pipeline, home)
    assert looked_up == [task(whole, "inner").key]


def test_a_hit_is_counted_once_and_tells_what_it_saved(pipeline: Pipeline, home: Path) -> None:
    first = run(pipeline, home)
    whole = run(pipeline, home)
    with sqlite3.connect(home / "stepcache.db") as database:
        query = (
            "SELECT ExecutionCacheKey, hits, duration FROM execution_caches JOIN execution_details ON entry_id = ID"
        )
        found = {key: (hits, duration) for key, hits, duration in database.execute(query)}
    database.close()
    hits, duration = found.pop(task(whole, "inner").key)
    assert hits == 1
    assert found.keys() == {record.key for record in first.tasks if record.key}
    assert duration == pytest.approx(sum(seconds for _, seconds in found.values()))


@pytest.mark.parametrize("name", ["inner/add-0", "inner/add-1", "inner/add-2"])
def test_what_was_invalidated_is_executed_again(pipeline: Pipeline, home: Path, trace: Path, name: str) -> None:
    first = run(pipeline, home)
    invalidate(home, task(first, name).key)
    assert results(run(pipeline, home)) == {**ONE_BY_ONE, name: "miss"}
    assert len(trace.read_text().splitlines()) == 4
    assert results(run(pipeline, home)) == ALL_REUSED


def test_what_is_refreshed_is_executed_again(pipeline: Pipeline, home: Path) -> None:
    run(pipeline, home)
    refreshing = policies(max_staleness=0, task="inner/add-1")
    again = run(pipeline, home, policies=refreshing)
    assert results(again) == {**ONE_BY_ONE, "inner/add-1": "miss"}
    assert task(again, "inner/add-1").reason == "refreshed"
    assert results(run(pipeline, home)) == ALL_REUSED


def test_a_dag_is_as_old_as_its_oldest_result(pipeline: Pipeline, home: Path) -> None:
    first = run(pipeline, home)
    with sqlite3.connect(home / "stepcache.db") as database:
        database.execute("UPDATE execution_details SET started_at = started_at - 1000000")
    database.close()
    refreshed = run(pipeline, home, policies=policies(max_staleness=0, task="add-2"))
    assert task(refreshed, "inner/add-2").key == task(first, "inner/add-2").key
    for limit, expected in ((2000, ALL_REUSED), (-1, ALL_REUSED)):
        assert results(run(pipeline, home, policies=policies(max_staleness=limit))) == expected
    limited = run(pipeline, home, policies=policies(max_staleness=500))
    assert results(limited) == {"inner/add-0": "miss", "inner/add-1": "miss", "inner/add-2": "hit"}
    assert task(limited, "inner/add-0").reason == "stale"
    # The limit of one task is no business of the others'.
    for name, expected in (("add-0", ALL_REUSED), ("something", ALL_REUSED)):
        assert results(run(pipeline, home, policies=policies(max_staleness=500, task=name))) == expected


def test_without_the_cache_nothing_is_reused(pipeline: Pipeline, home: Path) -> None:
    run(pipeline, home)
    assert results(run(pipeline, home, policies=policies(cache=False))) == dict.fromkeys(ONE_BY_ONE, "off")
    partly = run(pipeline, home, policies=policies(cache=False, task="inner/add-1"))
    assert results(partly) == {**ONE_BY_ONE, "inner/add-1": "off"}
    assert results(run(pipeline, home)) == ALL_REUSED


def test_ignored_inputs_make_another_dag(pipeline: Pipeline, home: Path) -> None:
    run(pipeline, home)
    ignoring = policies(ignore_inputs=frozenset({"trace"}))
    assert results(run(pipeline, home, policies=ignoring)) == dict.fromkeys(ONE_BY_ONE, "miss")
    assert results(run(pipeline, home, policies=ignoring)) == ALL_REUSED
    assert results(run(pipeline, home)) == ALL_REUSED


def test_other_inputs_make_another_dag(pipeline: Pipeline, home: Path) -> None:
    run(pipeline, home)
    assert results(run(pipeline, home, {"start": "1"})) == {
        "inner/add-0": "miss",
        "inner/add-1": "miss",
        "inner/add-2": "miss",
    }
    assert results(run(pipeline, home, {"start": "1"})) == ALL_REUSED


@pytest.mark.parametrize(
    "changes",
    [{"cached": False}, {"environment": {"MODE": "other"}}, {"code": "def add_2(number, trace):\n    return 7"}],
)
def test_another_definition_is_another_dag(
    tmp_path: Path, home: Path, trace: Path, changes: dict[str, Any]
) -> None:
    path = tmp_path / "chain.yaml"
    run(loading.load(chain(path, trace)), home)
    code = changes.pop("code", None)
    chain(path, trace, **changes)
    if code:
        document = yaml.safe_load(path.read_text())
        words = document["deploymentSpec"]["executors"]["exec-add-2"]["container"]["command"]
        words[3] += f"\n{code}\n"
        path.write_text(yaml.safe_dump(document))
    changed = results(run(loading.load(path), home))
    assert changed.pop("inner/add-2") in ("miss", "off")
    assert changed == {"inner/add-0": "hit", "inner/add-1": "hit"}


def _writing(path: Path, trace: Path) -> Path:
    """A nested DAG with a file that is none of its outputs, and another task."""
    code = (
        "def keep(trace: str, file: dsl.Output[dsl.Artifact]) -> str:\n"
        "    open(trace, 'a').write('keep\\n')\n    open(file.path, 'w').write('kept')\n    return 'x'"
    )
    where = {"trace": constant("STRING", str(trace))}
    write(
        path,
        Step("keep", code, where, outputs={"Output": "STRING"}, output_artifacts=("file",)),
        Step(
            "tell",
            "def tell(trace: str) -> str:\n    return 'y'",
            where,
            outputs={"Output": "STRING"},
            after=("keep",),
        ),
        outputs={"result": "tell.Output"},
    )
    nest(path)
    return path


def _file_of(result: RunResult, home: Path) -> Path:
    content: Artifact = task(result, "inner/keep").outputs.artifacts["file"][0].content
    return LocalArtifactStore.open(home / "artifacts").path(Artifact(content.digest, content.size, Kind.FILE))


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_every_file_of_every_task_is_looked_at(tmp_path: Path, home: Path, trace: Path, damage: str) -> None:
    pipeline = loading.load(_writing(tmp_path / "writing.yaml", trace))
    file = _file_of(run(pipeline, home), home)
    assert results(run(pipeline, home))["inner"] == "hit"
    file.chmod(0o644)
    if damage == "missing":
        file.unlink()
    else:
        file.write_text("KEPT")
    again = run(pipeline, home)
    assert (task(again, "inner").tasks, task(again, "inner/keep").reason) == (0, f"output_{damage}")
    assert results(again) == {"inner/keep": "miss", "inner/tell": "hit"}
    assert results(run(pipeline, home))["inner"] == "hit"


def test_a_policy_says_how_closely_to_look(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = loading.load(_writing(tmp_path / "writing.yaml", trace))
    file = _file_of(run(pipeline, home), home)
    file.chmod(0o644)
    file.write_text("KEPT")
    assert results(run(pipeline, home, policies=policies(verify=Verify.EXISTS)))["inner"] == "hit"
    only_one = policies(verify=Verify.EXISTS, task="tell")
    assert task(run(pipeline, home, policies=only_one), "inner").tasks == 0


def test_steps_that_see_secrets_are_reused_whatever_these_are(tmp_path: Path, home: Path, trace: Path) -> None:
    path = chain(tmp_path / "secret.yaml", trace)
    platform = {
        "platforms": {
            "kubernetes": {
                "deploymentSpec": {
                    "executors": {
                        "exec-add-1": {
                            "secretAsEnv": [
                                {
                                    "secretName": "token",
                                    "keyToEnv": [{"secretKey": "key", "envVar": "TOKEN"}],
                                }
                            ]
                        }
                    }
                }
            }
        }
    }
    path.write_text(f"{path.read_text()}---\n{yaml.safe_dump(platform)}")
    pipeline = loading.load(path)
    secret = tmp_path / "value"
    for value, expected in (("planted-one", dict.fromkeys(ONE_BY_ONE, "miss")), ("planted-two", ALL_REUSED)):
        secret.write_text(value)
        bindings = Bindings.parse([f"token/key={secret}"])
        assert results(run(pipeline, home, bindings=bindings)) == expected


def test_a_value_of_a_secret_keeps_a_dag_from_being_stored(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = loading.load(chain(tmp_path / "chain.yaml", trace))
    secret = tmp_path / "value"
    secret.write_text("7001")
    bindings = Bindings.parse([f"token/key={secret}"])
    start = {"start": "7001"}
    run(pipeline, home, start, bindings=bindings)
    again = run(pipeline, home, start, bindings=bindings)
    assert results(again) == ONE_BY_ONE


def test_two_runs_at_once_store_one_dag(pipeline: Pipeline, home: Path, trace: Path) -> None:
    run(pipeline, home)
    for record in run(pipeline, home).tasks:
        if record.tasks:
            invalidate(home, record.key)

    async def both() -> list[RunResult]:
        from tests.pipelines.running import once

        return list(await asyncio.gather(*(once(pipeline, home) for _ in range(4))))

    for result in asyncio.run(both()):
        assert set(results(result).values()) == {"hit"}
    assert in_store(home, lambda store: store.duplicates()) == []
    assert results(run(pipeline, home)) == ALL_REUSED


def test_states_of_what_is_inside_are_kept(tmp_path: Path, home: Path, trace: Path) -> None:
    path = chain(tmp_path / "condition.yaml", trace)
    document = yaml.safe_load(path.read_text())
    tasks = document["components"]["comp-inner"]["dag"]["tasks"]
    tasks["add-2"]["triggerPolicy"] = {"condition": "inputs.parameter_values['number'] == 100"}
    path.write_text(yaml.safe_dump(document))
    pipeline = loading.load(path)
    first = run(pipeline, home)
    second = run(pipeline, home)
    assert results(second) == {"inner": "hit", "inner/add-0": "hit", "inner/add-1": "hit"}
    assert states(second) == states(first)
    assert states(second)["inner/add-2"] == "SKIPPED"
