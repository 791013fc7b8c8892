from __future__ import annotations

from typing import Any

import pytest

from stepcache.errors import InputError
from stepcache.pipelines.model import ComponentInput, Constant, TaskOutput
from stepcache.pipelines.platform import parsing
from stepcache.pipelines.platform.settings import (
    ClaimMount,
    ExecutorSettings,
    FieldVariable,
    FilesFrom,
    Kind,
    PlatformSettings,
    TemporaryMount,
    VariablesFrom,
)
from tests.pipelines.platform.clusters import load


def _parse(config: Any) -> ExecutorSettings:
    document = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"e": config}}}}}
    return parsing.parse(document, "p.yaml").of("e")


def test_everything_that_the_sdk_writes_is_read() -> None:
    settings = parsing.parse(load("platform/everything.yaml").platforms, "everything.yaml")
    found = settings.of("exec-everything-user")
    assert found.variables == (
        VariablesFrom(Kind.SECRET, Constant("db"), {"DB_PASSWORD": "password", "DB_USER": "user"}, optional=False),
        VariablesFrom(Kind.SECRET, ComponentInput("secret_name"), {"TOKEN": "token"}, optional=True),
        VariablesFrom(Kind.CONFIG_MAP, Constant("settings"), {"MODE": "mode"}, optional=False),
    )
    assert found.files == (
        FilesFrom(Kind.SECRET, Constant("tls"), "/mnt/tls"),
        FilesFrom(Kind.CONFIG_MAP, Constant("files"), "/mnt/files", optional=True),
    )
    assert found.temporary == (TemporaryMount("work", "/mnt/work"), TemporaryMount("scratch", "/mnt/scratch"))
    assert found.fields == (
        FieldVariable("POD", "metadata.name"),
        FieldVariable("COLOUR", "metadata.labels['colour']"),
    )
    assert (found.labels, found.annotations) == ({"colour": "blue"}, {"note": "kept"})
    assert (found.timeout, found.image_pull_policy) == (90.0, "Always")
    assert (found.run_as_user, found.run_as_group) == (1000, None)
    assert {"node selector", "tolerations", "node affinity", "image pull secrets"} <= set(found.kinds)
    assert not any("unknown" in kind for kind in found.kinds)
    assert settings.kinds == ("workspace",)
    assert settings.workspace


def test_claims_come_from_tasks_inputs_and_constants() -> None:
    found = parsing.parse(load("platform/volumes.yaml").platforms, "volumes.yaml").of("exec-read-note")
    assert found.claims == (
        ClaimMount(TaskOutput("createpvc", "name"), "/mnt/shared"),
        ClaimMount(ComponentInput("claim"), "/mnt/claim", "inner"),
        ClaimMount(Constant("constant-claim"), "/mnt/constant"),
    )


def test_what_older_sdks_wrote_is_read() -> None:
    found = _parse(
        {
            "secretAsEnv": [{"secretName": "db", "keyToEnv": [{"secretKey": "k", "envVar": "V"}]}],
            "secretAsVolume": [{"secretName": "tls", "mountPath": "/tls"}],
            "configMapAsVolume": [{"configMapName": "c", "mountPath": "/c", "optional": True}],
            "pvcMount": [
                {"constant": "one", "mountPath": "/1"},
                {"componentInputParameter": "two", "mountPath": "/2"},
                {
                    "taskOutputParameter": {"producerTask": "t", "outputParameterKey": "name"},
                    "mountPath": "/3",
                },
            ],
        }
    )
    assert found.variables == (VariablesFrom(Kind.SECRET, Constant("db"), {"V": "k"}),)
    assert [item.name for item in found.files] == [Constant("tls"), Constant("c")]
    assert [item.claim for item in found.claims] == [
        Constant("one"),
        ComponentInput("two"),
        TaskOutput("t", "name"),
    ]


def test_both_forms_of_protobufs_json_are_read() -> None:
    snake = _parse(
        {
            "secret_as_env": [
                {
                    "secret_name_parameter": {"component_input_parameter": "p"},
                    "key_to_env": [{"secret_key": "my_key", "env_var": "V"}],
                }
            ],
            "pod_metadata": {"labels": {"my_label": "my_value"}},
        }
    )
    assert snake.variables == (VariablesFrom(Kind.SECRET, ComponentInput("p"), {"V": "my_key"}),)
    assert snake.labels == {"my_label": "my_value"}


def test_what_a_newer_kfp_has_is_a_setting_like_others() -> None:
    document = {
        "platforms": {
            "kubernetes": {
                "deploymentSpec": {"executors": {"e": {"quantumDrive": {"warp": 9}, "nodeSelector": {}}}},
                "pipelineConfig": {"semaphoreKey": "k", "newField": 1, "activeDeadlineSeconds": 60},
            },
            "mainframe": {"deploymentSpec": {}},
        }
    }
    settings = parsing.parse(document, "p.yaml")
    assert settings.of("e").kinds == ("'quantumDrive' (unknown)",)
    assert settings.timeout == 60.0
    assert settings.kinds == (
        "semaphore",
        "'newField' (unknown)",
        "timeout of the run",
        "everything for the platform 'mainframe'",
    )


def test_nothing_is_asked_for() -> None:
    assert parsing.parse({}, "p.yaml") == PlatformSettings()
    assert PlatformSettings().of("anything") == ExecutorSettings()


def test_what_cannot_be_is_named_all_at_once() -> None:
    with pytest.raises(InputError) as caught:
        _parse(
            {
                "secretAsEnv": [{"keyToEnv": "x"}],
                "pvcMount": [{"mountPath": "/a"}],
                "configMapAsVolume": [{"configMapName": "c"}],
                "imagePullPolicy": "Sometimes",
                "activeDeadlineSeconds": "soon",
                "podMetadata": {"labels": {"a": 1}},
                "emptyDirMounts": {"volumeName": "v"},
            }
        )
    for problem in (
        "secretAsEnv of executor 'e' does not name its secret",
        "secretAsEnv of executor 'e' has a 'keyToEnv' that is no list",
        "pvcMount of executor 'e' does not say which volume claim to mount",
        "configMapAsVolume of executor 'e' has no 'mountPath'",
        "executor 'e' has the image pull policy 'Sometimes'",
        "executor 'e' has a 'activeDeadlineSeconds' that is no whole number",
        "podMetadata of executor 'e' has a 'labels' that is no map of texts",
        "executor 'e' has a 'emptyDirMounts' that is no list",
    ):
        assert problem in str(caught.value)


@pytest.mark.parametrize("document", [{"platforms": 3}, {"platforms": {"kubernetes": []}}])
def test_a_platform_spec_of_another_shape_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="is no JSON object"):
        parsing.parse(document, "p.yaml")
