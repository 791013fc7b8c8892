"""What is known of a DAG before any run: which ones may be reused as a whole, and as what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepcache.pipelines import dag_facts, loading
from stepcache.pipelines.model import DagFacts
from tests.pipelines.nested import chain

Change = Callable[[dict[str, Any]], Any]


def facts(path: Path, change: Change = lambda _: None) -> DagFacts:
    document = yaml.safe_load(chain(path, path.with_name("trace")).read_text())
    change(document)
    path.write_text(yaml.safe_dump(document))
    return loading.load(path).dags["comp-inner"]


def _task(document: dict[str, Any], name: str = "add-1") -> dict[str, Any]:
    task: dict[str, Any] = document["components"]["comp-inner"]["dag"]["tasks"][name]
    return task


def _container(document: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = document["deploymentSpec"]["executors"]["exec-add-1"]["container"]
    return container


def _constant(text: str) -> Change:
    return lambda document: _task(document)["inputs"]["parameters"].update(
        trace={"runtimeValue": {"constant": text}}
    )


def test_the_facts_of_a_chain(tmp_path: Path) -> None:
    found = facts(tmp_path / "chain.yaml")
    assert (found.steps, found.is_closed, found.names_places) == (3, True, False)
    assert found.labels == ("exec-add-0", "exec-add-1", "exec-add-2")
    assert len(found.kinds) == 1
    assert found == facts(tmp_path / "chain.yaml")


def _importer(document: dict[str, Any]) -> None:
    document["deploymentSpec"]["executors"]["exec-add-1"] = {"importer": {"artifactUri": {"constant": "/data"}}}


def _final_status(document: dict[str, Any]) -> None:
    document["components"]["comp-add-1"]["inputDefinitions"]["parameters"]["status"] = {
        "parameterType": "TASK_FINAL_STATUS"
    }
    _task(document)["inputs"]["parameters"]["status"] = {"taskFinalStatus": {"producerTask": "add-0"}}


@pytest.mark.parametrize(
    "change",
    [
        _importer,
        _final_status,
        lambda document: _task(document).pop("cachingOptions"),
        lambda document: _container(document).update(image="argostub/createpvc"),
        lambda document: _container(document).update(image="{{$.inputs.parameters['trace']}}"),
        _constant("{{$.pipeline_job_uuid}}"),
        _constant("at {{$.pipeline_job_create_time_utc}}"),
        _constant("{{$.pipeline_task_uuid}}"),
    ],
    ids=["importer", "status", "caching off", "claim", "image", "run", "time", "task"],
)
def test_a_dag_goes_task_by_task_when_a_key_in_it_may_come_of_something_else(
    tmp_path: Path, change: Change
) -> None:
    assert not facts(tmp_path / "chain.yaml", change).is_closed


def test_places_are_part_of_the_key_where_they_are_named(tmp_path: Path) -> None:
    for text in ("{{$.workspace_path}}/file", "{{$.pipeline_root}}"):
        found = facts(tmp_path / "chain.yaml", _constant(text))
        assert (found.is_closed, found.names_places) == (True, True)


@pytest.mark.parametrize(
    "change",
    [
        _constant("other"),
        lambda document: _task(document).update(triggerPolicy={"condition": "true"}),
        lambda document: _container(document).update(image="python:3.12"),
        lambda document: _container(document)["args"].append("more"),
        lambda document: document["components"]["comp-add-2"]["outputDefinitions"]["parameters"].update(
            more={"parameterType": "STRING"}
        ),
    ],
    ids=["constant", "condition", "image", "command", "outputs"],
)
def test_every_part_of_the_definition_counts(tmp_path: Path, change: Change) -> None:
    path = tmp_path / "chain.yaml"
    assert facts(path, change).content != facts(path).content


def test_packages_make_another_kind(tmp_path: Path) -> None:
    def install(document: dict[str, Any]) -> None:
        container = _container(document)
        script = 'python3 -m pip install --quiet --no-warn-script-location \'attrs==1\' && "$0" "$@"\n'
        container["command"] = ["sh", "-c", script, *container["command"]]

    assert len(facts(tmp_path / "chain.yaml", install).kinds) == 2


def test_facts_are_kept_as_json(tmp_path: Path) -> None:
    facts(tmp_path / "chain.yaml")
    found = loading.load(tmp_path / "chain.yaml").dags
    kept = json.loads(json.dumps(dag_facts.to_document(found)))
    assert dag_facts.from_document(kept) == found
