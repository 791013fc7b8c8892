from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from stepcache.executors.private_mounts import DirectoryMount, FilesMount
from stepcache.pipelines.model import JsonValue
from stepcache.pipelines.platform import parsing
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.platform.pod import Pod
from stepcache.pipelines.platform.provision import Provision, provide
from stepcache.pipelines.platform.volumes import Volumes
from stepcache.pipelines.values import Values
from tests.pipelines.platform.clusters import load

POD = Pod.of("small", "0123456789", "loop/train.1", "default")


class World:
    """What a user has, and one task that asks for it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "db.env").write_text("user=me\npassword=hunter22\n")
        (directory / "settings.yaml").write_text("mode: fast\nlevel: '3'\n")
        (directory / "data").mkdir()
        self.bindings = Bindings.parse(
            ["db=db.env", "token=env:TOKEN"],
            ["settings=settings.yaml"],
            ["shared=data"],
            environment={"TOKEN": "t0ken"},
            directory=directory,
        )
        self.volumes = Volumes(directory / "home", "default", self.bindings.volumes)
        self.parameters: dict[str, JsonValue] = {}
        self.outputs: dict[str, Values] = {}

    def provide(self, config: Any) -> Provision:
        document = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"e": config}}}}}
        settings = parsing.parse(document, "p.yaml").of("e")
        known = Known(self.parameters, self.outputs, {"pipeline_job_uuid": "0123"})
        return provide(settings, known, self.bindings, self.volumes, POD)

    def problem(self, config: Any) -> str:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is looked at by the caller
            self.provide(config)
        assert "hunter22" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def variables(kind: str, name: Any, optional: bool | None = None, **keys: str) -> dict[str, Any]:
    """The settings for variables (VARIABLE=key) from a secret or a config map; ``name`` may be a parameter."""
    source = {f"{kind}NameParameter": name} if isinstance(name, dict) else {f"{kind}Name": name}
    pairs = [{f"{kind}Key": key, "envVar": variable} for variable, key in keys.items()]
    return {f"{kind}AsEnv": [{**source, "keyToEnv": pairs, **({} if optional is None else {"optional": optional})}]}


def files(kind: str, name: str, path: str, optional: bool = False) -> dict[str, Any]:
    return {f"{kind}AsVolume": [{f"{kind}Name": name, "mountPath": path, "optional": optional}]}


def claim(name: Any, path: str = "/data", sub_path: str = "") -> dict[str, Any]:
    return {"pvcMount": [{"pvcNameParameter": name, "mountPath": path, "subPath": sub_path}]}


def constant(value: Any) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}


def test_values_of_secrets_are_variables_and_no_part_of_the_key(world: World) -> None:
    found = world.provide(variables("secret", "db", DB_USER="user", DB_PASSWORD="password"))
    assert found.environment == {"DB_USER": "me", "DB_PASSWORD": "hunter22"}
    assert found.key.secrets == ("db/user as DB_USER", "db/password as DB_PASSWORD")
    assert found.key.env == {}
    assert found.has_secrets
    assert "hunter22" not in repr(found)


def test_a_value_without_a_key_answers_to_the_one_asked_for(world: World) -> None:
    assert world.provide(variables("secret", "token", TOKEN="any.key")).environment == {"TOKEN": "t0ken"}


def test_values_of_config_maps_are_variables_and_part_of_the_key(world: World) -> None:
    found = world.provide(variables("configMap", "settings", MODE="mode"))
    assert found.environment == found.key.env == {"MODE": "fast"}
    assert not found.has_secrets


def test_names_come_from_inputs_outputs_and_constants(world: World) -> None:
    world.parameters["which"] = "db"
    world.outputs["before"] = Values({"name": "db"})
    for name in (
        constant("db"),
        {"componentInputParameter": "which"},
        {"taskOutputParameter": {"producerTask": "before", "outputParameterKey": "name"}},
    ):
        assert world.provide(variables("secret", name, V="user")).environment == {"V": "me"}
    assert "secret '0123'" in world.problem(variables("secret", constant("{{$.pipeline_job_uuid}}"), V="user"))


def test_an_input_that_nobody_set_asks_for_nothing(world: World) -> None:
    unset = {"componentInputParameter": "unset"}
    assert world.provide(variables("secret", unset, V="user")) == Provision()
    world.parameters["unset"] = None
    assert world.provide(variables("configMap", unset, V="user")) == Provision()
    assert "comes from the input 'unset', which is not set" in world.problem(claim(unset))


@pytest.mark.parametrize("value", ["", 3, ["db"]])
def test_what_is_no_text_is_no_name(world: World, value: Any) -> None:
    world.parameters["which"] = value
    problem = world.problem(variables("secret", {"componentInputParameter": "which"}, V="user"))
    assert problem == "the name of a secret comes from the input 'which', which is no text"


def test_what_is_missing_is_named_all_at_once(world: World) -> None:
    missing = {
        **variables("secret", "nothing", V="user"),
        **variables("configMap", "settings", W="speed", X="mode"),
        **files("secret", "nothing2", "/s"),
        **claim(constant("nowhere")),
        "fieldPathAsEnv": [{"name": "F", "fieldPath": "spec.containers"}],
    }
    assert world.problem(missing).split("; ") == [
        "there is no secret 'nothing': give it by --secret nothing=FILE",
        "the config map 'settings' has no key 'speed' (it has: level, mode)",
        "there is no secret 'nothing2': give it by --secret nothing2=FILE",
        "there is no volume 'nowhere': give it by --volume nowhere=DIRECTORY",
        "no variable can be set to the pod field 'spec.containers'",
    ]


def test_what_is_optional_may_be_missing(world: World) -> None:
    assert world.provide(variables("secret", "nothing", optional=True, V="user")) == Provision()
    found = world.provide(variables("secret", "db", optional=True, V="nokey", W="user"))
    assert (found.environment, found.key.secrets) == ({"W": "me"}, ("db/user as W",))
    found = world.provide(files("configMap", "nothing", "/files", optional=True))
    assert found.planned() == (FilesMount("/files", {}),)


def test_binary_values_are_no_variables(world: World, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\0\1")
    world.bindings = Bindings.parse(["b/key=key"], directory=tmp_path)
    assert world.problem(variables("secret", "b", V="key")) == (
        "key 'key' of the secret 'b' is binary, and cannot be a variable"
    )


def test_files_of_secrets_stay_in_memory(world: World, tmp_path: Path) -> None:
    found = world.provide(files("secret", "db", "/mnt/db"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert found.mounts(scratch) == (FilesMount("/mnt/db", {"user": b"me", "password": b"hunter22"}),)
    assert list(scratch.iterdir()) == []
    assert found.key.secrets == ("db at /mnt/db",)
    assert found.targets == ("/mnt/db",)
    assert "write --secret token/KEY=" in world.problem(files("secret", "token", "/mnt/token"))


def test_files_of_config_maps_are_a_directory_and_part_of_the_key(world: World, tmp_path: Path) -> None:
    found = world.provide(files("configMap", "settings", "/mnt/settings"))
    (mount,) = found.mounts(tmp_path)
    assert isinstance(mount, DirectoryMount)
    assert (mount.target, mount.read_only) == ("/mnt/settings", True)
    assert {item.name: item.read_bytes() for item in Path(mount.source).iterdir()} == {
        "mode": b"fast",
        "level": b"3",
    }
    assert set(found.key.env) == {"file=/mnt/settings/mode", "file=/mnt/settings/level"}
    (world.directory / "settings.yaml").write_text("mode: slow\nlevel: '3'\n")
    changed = World.__new__(World)
    changed.__dict__.update(world.__dict__)
    changed.bindings = Bindings.parse([], ["settings=settings.yaml"], directory=world.directory)
    again = changed.provide(files("configMap", "settings", "/mnt/settings"))
    assert again.key.env["file=/mnt/settings/level"] == found.key.env["file=/mnt/settings/level"]
    assert again.key.env["file=/mnt/settings/mode"] != found.key.env["file=/mnt/settings/mode"]


def test_a_volume_counts_by_its_name_and_where_it_is(world: World, tmp_path: Path) -> None:
    found = world.provide(claim(constant("shared"), "/data", "a/b"))
    assert found.key.claims == ("shared at /data from a/b",)
    assert found.mounts(tmp_path / "scratch") == (DirectoryMount("/data", str(tmp_path / "data" / "a" / "b")),)
    assert (tmp_path / "data" / "a" / "b").is_dir()
    assert found.is_reusable


@pytest.mark.parametrize("sub_path", ["/etc", "../outside", "a/../../b", "link/x"])
def test_a_sub_path_does_not_lead_out_of_its_volume(world: World, tmp_path: Path, sub_path: str) -> None:
    (tmp_path / "data" / "link").symlink_to("/")
    assert "leads out of the volume 'shared'" in world.problem(claim(constant("shared"), "/data", sub_path))


def test_a_volume_that_was_made_counts_by_its_incarnation(world: World) -> None:
    made, _ = world.volumes.make("notes")
    first = world.provide(claim(constant("notes")))
    assert first.key.claims == (f"notes#{made.incarnation} at /data",)
    assert first.is_reusable
    world.volumes.delete("notes")
    world.volumes.make("notes")
    assert world.provide(claim(constant("notes"))).key.claims != first.key.claims


def test_what_uses_a_volume_of_this_run_alone_is_not_reusable(world: World) -> None:
    world.volumes.make("0123-notes", generated=True)
    assert not world.provide(claim(constant("0123-notes"))).is_reusable


def test_empty_directories_are_empty_and_shared_by_name(world: World, tmp_path: Path) -> None:
    found = world.provide(
        {
            "emptyDirMounts": [
                {"volumeName": "work", "mountPath": "/a", "medium": "Memory", "sizeLimit": "1Gi"},
                {"volumeName": "work", "mountPath": "/b"},
                {"volumeName": "other", "mountPath": "/c"},
            ],
            "genericEphemeralVolume": [{"volumeName": "big", "mountPath": "/d", "size": "1Gi"}],
        }
    )
    mounts = found.mounts(tmp_path / "scratch")
    sources = [mount.source for mount in mounts if isinstance(mount, DirectoryMount)]
    assert [mount.target for mount in mounts] == ["/a", "/b", "/c", "/d"]
    assert sources[0] == sources[1]
    assert len(set(sources)) == 3
    assert all(list(Path(source).iterdir()) == [] for source in sources)
    assert set(found.key.env) == {"directory=/a", "directory=/b", "directory=/c", "directory=/d"}


def test_fields_of_the_pod(world: World) -> None:
    wanted = {
        "NAME": "metadata.name",
        "NAMESPACE": "metadata.namespace",
        "UID": "metadata.uid",
        "NODE": "spec.nodeName",
        "ACCOUNT": "spec.serviceAccountName",
        "IP": "status.podIP",
        "RUN": "metadata.labels['pipeline/runid']",
        "COLOUR": "metadata.labels['colour']",
        "NOTE": "metadata.annotations['example.com/note']",
        "NONE": "metadata.annotations['none']",
    }
    found = world.provide(
        {
            "fieldPathAsEnv": [{"name": name, "fieldPath": path} for name, path in wanted.items()],
            "podMetadata": {"labels": {"colour": "blue"}, "annotations": {"example.com/note": "kept"}},
        }
    )
    assert found.environment == {
        "NAME": "small-01234567-loop-train-1",
        "NAMESPACE": "default",
        "UID": POD.uid,
        "NODE": socket.gethostname(),
        "ACCOUNT": "default",
        "IP": "127.0.0.1",
        "RUN": "0123456789",
        "COLOUR": "blue",
        "NOTE": "kept",
        "NONE": "",
    }
    # What is the same in every run counts by its value, all else by the path alone.
    assert {name: value for name, value in found.key.env.items() if "=" not in name} == {
        "COLOUR": "blue",
        "NOTE": "kept",
        "NONE": "",
    }
    assert found.key.env["field=RUN"] == "metadata.labels['pipeline/runid']"


def test_pods_have_names_that_kubernetes_would_take() -> None:
    name = Pod.of("My_Pipeline!", "abcdef0123", "for-loop-1.3/" + "x" * 300, "ns").name
    assert name.startswith("my-pipeline-abcdef01-for-loop-1-3-xxx")
    assert len(name) == 253
    assert Pod.of("p", "r", "a", "ns").uid != Pod.of("p", "r", "b", "ns").uid


def test_pod_metadata_as_kfps_own_test_checks_it(world: World) -> None:
    settings = parsing.parse(load("pipelines/pipeline_with_pod_metadata.yaml").platforms, "p.yaml")
    expected = {
        "exec-validate-no-pod-metadata": ["", "", "", ""],
        "exec-validate-pod-metadata-task-a": ["annotation", "label-1", "label-2"],
        "exec-validate-pod-metadata-task-d": ["label-1", "label-2", "label-3"],
    }
    for label, values in expected.items():
        found = provide(settings.of(label), Known({}), world.bindings, world.volumes, POD)
        assert list(found.environment.values()) == values
