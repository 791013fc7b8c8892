from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepcache.errors import InputError
from stepcache.executors import step_launcher
from stepcache.pipelines.model import JsonValue, Pipeline
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.check import check
from tests.pipelines.platform.clusters import cluster, load, pipeline

NOTHING: dict[str, JsonValue] = {}


def _problems(of: Pipeline, home: Path, bindings: Bindings | None = None, **parameters: JsonValue) -> list[str]:
    try:
        check(cluster(of, home, bindings), parameters, source="small.yaml", on_the_host=False)
    except InputError as error:
        return str(error).removeprefix("small.yaml: ").split("; ")
    return []


def _secret(name: Any, key: str = "key", **changes: Any) -> dict[str, Any]:
    source = {"secretNameParameter": name} if isinstance(name, dict) else {"secretName": name}
    return {"secretAsEnv": [{**source, "keyToEnv": [{"secretKey": key, "envVar": "V"}], **changes}]}


def _claim(name: str) -> dict[str, Any]:
    return {"pvcMount": [{"constant": name, "mountPath": "/data"}]}


def _creating(**inputs: Any) -> dict[str, Any]:
    return {"inputs": {"parameters": inputs}}


def _constant(value: Any) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}


CREATE = {"image": "argostub/createpvc"}


def test_what_is_missing_is_told_for_all_tasks_at_once(tmp_path: Path) -> None:
    of = pipeline({"a": {}, "b": {}, "c": {}}, platform={"a": _secret("one"), "b": _claim("two"), "c": {}})
    assert _problems(of, tmp_path) == [
        "task 'a': there is no secret 'one': give it by --secret one=FILE",
        "task 'b': there is no volume 'two': give it by --volume two=DIRECTORY",
    ]


def test_what_is_there_is_no_problem(tmp_path: Path) -> None:
    of = pipeline({"a": {}, "b": {}}, platform={"a": _secret("one"), "b": _claim("two")})
    given = Bindings.parse(["one=env:A"], [], [f"two={tmp_path}"], environment={"A": "x"})
    assert _problems(of, tmp_path, given) == []
    cluster(of, tmp_path).volumes.make("two")
    assert _problems(of, tmp_path, Bindings.parse(["one=env:A"], environment={"A": "x"})) == []


def test_names_from_the_pipelines_parameters_are_known(tmp_path: Path) -> None:
    of = pipeline({"a": {}}, platform={"a": _secret({"componentInputParameter": "which"})})
    assert _problems(of, tmp_path, which="s") == ["task 'a': there is no secret 's': give it by --secret s=FILE"]
    assert _problems(of, tmp_path) == []


def test_what_only_the_run_will_tell_is_told_then(tmp_path: Path) -> None:
    of = load("pipelines/nested_parallel_for_secret.yaml")
    assert _problems(of, tmp_path) == []
    from_a_task = {"taskOutputParameter": {"producerTask": "a", "outputParameterKey": "Output"}}
    of = pipeline({"a": {}, "b": {}}, platform={"b": _secret(from_a_task)})
    assert _problems(of, tmp_path) == []


def test_tasks_on_a_condition_may_never_ask(tmp_path: Path) -> None:
    of = pipeline({"a": {"triggerPolicy": {"condition": "true"}}}, platform={"a": _secret("one")})
    assert _problems(of, tmp_path) == []


def test_optional_inputs_of_kfps_own_sample_ask_for_nothing(tmp_path: Path) -> None:
    of = load("pipelines/missing_kubernetes_optional_inputs.yaml")
    assert _problems(of, tmp_path) == []
    assert _problems(of, tmp_path, optional_secret_name="absent") == []  # each of its settings is optional
    given = Bindings.parse(["s=env:A"], environment={"A": "x"})
    assert "write --secret s/KEY=" in _problems(of, tmp_path, given, optional_secret_name="s")[0]


def test_claims_that_the_pipeline_makes_need_not_be_there(tmp_path: Path) -> None:
    of = pipeline(
        {"make": _creating(pvc_name=_constant("mine")), "use": {}, "other": {}},
        executors={"make": CREATE},
        platform={"use": _claim("mine"), "other": _claim("theirs")},
    )
    assert _problems(of, tmp_path) == [
        "task 'other': there is no volume 'theirs': give it by --volume theirs=DIRECTORY"
    ]
    of = pipeline(
        {"make": _creating(pvc_name={"componentInputParameter": "which"}), "use": {}},
        executors={"make": CREATE},
        platform={"use": _claim("mine")},
    )
    assert _problems(of, tmp_path, which="mine") == []
    assert len(_problems(of, tmp_path, which="another")) == 1
    of = pipeline(
        {
            "a": {},
            "make": _creating(
                pvc_name={"taskOutputParameter": {"producerTask": "a", "outputParameterKey": "Output"}}
            ),
            "use": {},
        },
        executors={"make": CREATE},
        platform={"use": _claim("mine")},
    )
    assert _problems(of, tmp_path) == []


def test_one_value_does_not_answer_to_two_keys(tmp_path: Path) -> None:
    given = Bindings.parse(["db=env:A"], environment={"A": "x"})
    of = pipeline({"a": {}, "b": {}}, platform={"a": _secret("db", "user"), "b": _secret("db", "user")})
    assert _problems(of, tmp_path, given) == []
    of = pipeline({"a": {}, "b": {}}, platform={"a": _secret("db", "user"), "b": _secret("db", "password")})
    assert _problems(of, tmp_path, given) == [
        "the secret 'db' was given as one value, and is asked for the keys password, user"
    ]


def test_a_mount_must_leave_the_step_what_it_needs(tmp_path: Path) -> None:
    settings = {"emptyDirMounts": [{"volumeName": "v", "mountPath": str(tmp_path)}]}
    of = pipeline({"a": {}}, platform={"a": settings})
    with pytest.raises(InputError, match=f"a mount at '{tmp_path}' would hide {tmp_path / 'home'}"):
        check(cluster(of, tmp_path), NOTHING, source="small.yaml", needed=[str(tmp_path / "home")])
    check(cluster(of, tmp_path), NOTHING, source="small.yaml", needed=[str(tmp_path / "home")], on_the_host=False)


def test_a_machine_without_mounts_is_found_out_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_launcher, "obstacle", lambda: "not permitted")
    check(cluster(pipeline({"a": {}}), tmp_path), NOTHING, source="small.yaml")
    of = pipeline({"a": {}}, platform={"a": _claim("v")})
    elsewhere = Bindings.parse(volumes=[f"v={tmp_path}"])
    with pytest.raises(InputError, match="needs directories at /data, for its steps only: not permitted") as caught:
        check(cluster(of, tmp_path, elsewhere), NOTHING, source="small.yaml")
    assert "--executor container" in caught.value.remedy
    in_place = pipeline({"a": {}}, platform={"a": {"pvcMount": [{"constant": "v", "mountPath": str(tmp_path)}]}})
    check(cluster(in_place, tmp_path, elsewhere), NOTHING, source="small.yaml")
