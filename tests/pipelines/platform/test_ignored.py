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
        "pod metadata (everything-user), security context (everything-user), timeout (everything-user), "
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
        "node selector (6 tasks), mutex, time to live of resources, timeout of the run"
    )
    honoured = HONOURED_ON_THE_HOST | {"timeout of the run", "'x' (unknown)", "mutex"}
    assert sentence(of, settings, honoured) == (
        "ignored, since only a cluster carries it out: node selector (6 tasks), time to live of resources"
    )


def test_limits_of_resources_are_settings_too() -> None:
    resources = {"cpuLimit": 2.0, "resourceCpuLimit": "2", "resourceMemoryRequest": "1G"}
    of = pipeline({"a": {}}, executors={"a": {"resources": resources}})
    assert sentence(of, parsing.parse(of.platforms, "p.yaml")) == (
        "ignored, since only a cluster carries it out: CPU limit (a), memory request (a)"
    )
