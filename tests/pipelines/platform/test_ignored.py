from __future__ import annotations

from stepcache.pipelines.platform import parsing
from stepcache.pipelines.platform.ignored import HONOURED_ON_THE_HOST, sentence
from tests.pipelines.platform.clusters import load, pipeline


def test_what_only_a_cluster_carries_out_is_named_with_its_tasks() -> None:
    of = load("platform/everything.yaml")
    assert sentence(of, parsing.parse(of.platforms, "p.yaml")) == (
        "ignored, since only a cluster carries it out: CPU limit (everything-user), accelerator (everything-user), "
        "image pull policy (everything-user), image pull secrets (everything-user), "
        "memory request (everything-user), node affinity (everything-user), node selector (everything-user), "
        "pod metadata (everything-user), security context (everything-user), "
        "tolerations (everything-user)"
    )


def test_what_is_carried_out_is_not_named() -> None:
    of = load("platform/volumes.yaml")
    assert sentence(of, parsing.parse(of.platforms, "p.yaml")) == ""
    assert sentence(pipeline({"a": {}}), parsing.parse({}, "p.yaml")) == ""


def test_each_setting_is_named_once() -> None:
    names = [f"t{number}" for number in range(7)]
    of = pipeline(
        {name: {} for name in names},
        platform={
            name: {"nodeSelector": {"labels": {"a": "b"}}, **({} if name == "t0" else {"x": 1})}
            for name in names[:6]
        },
        config={
            "activeDeadlineSeconds": 3,
            "resourceTtlOnCompletion": 60,
            "mutexName": "m",
            "workspace": {"size": "1"},
        },
    )
    settings = parsing.parse(of.platforms, "p.yaml")
    assert sentence(of, settings) == (
        "ignored, since only a cluster carries it out: 'x' (unknown) (t1, t2, t3, t4, t5), "
        "node selector (6 tasks), mutex, time to live of resources"
    )
    honoured = HONOURED_ON_THE_HOST | {"'x' (unknown)", "mutex"}
    assert sentence(of, settings, honoured) == (
        "ignored, since only a cluster carries it out: node selector (6 tasks), time to live of resources"
    )


def test_limits_of_resources_are_settings_too() -> None:
    resources = {"cpuLimit": 2.0, "resourceCpuLimit": "2", "resourceMemoryRequest": "1G"}
    of = pipeline({"a": {}}, executors={"a": {"resources": resources}})
    assert sentence(of, parsing.parse(of.platforms, "p.yaml")) == (
        "ignored, since only a cluster carries it out: CPU limit (a), memory request (a)"
    )


def test_what_a_component_is_told_instead_is_not_ignored() -> None:
    of = load("platform/told.yaml")
    assert sentence(of, parsing.parse(of.platforms, "p.yaml")) == ""


def test_what_is_to_apply_to_the_task_is_ignored_although_it_is_told() -> None:
    of = load("platform/applied.yaml")
    assert sentence(of, parsing.parse(of.platforms, "p.yaml")) == (
        "ignored, since only a cluster carries it out: CPU limit (applied), CPU request (applied), "
        "accelerator (applied), memory limit (applied), memory request (applied), node affinity (applied), "
        "node selector (applied), tolerations (applied)"
    )


def test_pod_affinity_is_passed_on_to_nobody() -> None:
    of = pipeline({"a": {}}, platform={"a": {"podAffinity": [{"topologyKey": "zone"}]}})
    assert sentence(of, parsing.parse(of.platforms, "p.yaml")).endswith("carries it out: pod affinity (a)")


def test_time_limits_are_kept() -> None:
    for name in ("limited", "deadline"):
        of = load(f"platform/{name}.yaml")
        assert sentence(of, parsing.parse(of.platforms, "p.yaml")) == ""
