from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from stepcache.errors import InputError
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.keyed_values import LARGEST


def _secrets(directory: Path, *texts: str, **environment: str) -> dict[str, dict[str, bytes]]:
    bindings = Bindings.parse(secrets=texts, environment=environment, directory=directory)
    return {name: dict(values.items()) for name, values in bindings.secrets.items()}


def _problem(directory: Path, *texts: str, **environment: str) -> str:
    with pytest.raises(InputError) as caught:
        Bindings.parse(secrets=texts, environment=environment, directory=directory)
    assert "NAME/KEY=FILE" in caught.value.remedy
    return str(caught.value)


def test_one_value_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter22\n")
    found = _secrets(tmp_path, "a=env:TOKEN", "b=token", "c/key=env:TOKEN", "d/key.txt=token", TOKEN="x y\n")
    assert found == {
        "a": {"": b"x y\n"},
        "b": {"": b"hunter22"},
        "c": {"key": b"x y\n"},
        "d": {"key.txt": b"hunter22"},
    }


def test_one_value_answers_to_any_key(tmp_path: Path) -> None:
    bindings = Bindings.parse(secrets=["a=env:A"], environment={"A": "1"}, directory=tmp_path)
    assert bindings.secrets["a"].value("whatever") == b"1"
    bindings = Bindings.parse(secrets=["a/k=env:A"], environment={"A": "1"}, directory=tmp_path)
    assert (bindings.secrets["a"].value("k"), bindings.secrets["a"].value("other")) == (b"1", None)


def test_only_a_single_line_loses_its_end(tmp_path: Path) -> None:
    for name, content in {"one": b"a\r\n", "two": b"a\nb\n", "none": b"", "blank": b"a\n\n"}.items():
        (tmp_path / name).write_bytes(content)
    found = _secrets(tmp_path, "a=one", "b=two", "c=none", "d=blank")
    assert [found[name][""] for name in "abcd"] == [b"a", b"a\nb\n", b"", b"a\n\n"]


def test_a_directory_as_kubernetes_mounts_it(tmp_path: Path) -> None:
    (tmp_path / "s" / "..2026").mkdir(parents=True)
    (tmp_path / "s" / "..2026" / "tls.key").write_bytes(b"\0\xff")
    (tmp_path / "s" / "..data").symlink_to("..2026")
    (tmp_path / "s" / "tls.key").symlink_to("..data/tls.key")
    (tmp_path / "s" / ".dockerconfigjson").write_text("{}")
    assert _secrets(tmp_path, "tls=s") == {"tls": {"tls.key": b"\0\xff", ".dockerconfigjson": b"{}"}}


def test_lines_of_an_env_file(tmp_path: Path) -> None:
    (tmp_path / "db.env").write_text('# comment\n\nUSER=me\nexport PASSWORD=a=b "c"\nEMPTY=\n')
    assert _secrets(tmp_path, "db=db.env") == {
        "db": {"USER": b"me", "PASSWORD": b'a=b "c"', "EMPTY": b""},
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("db.yaml", "user: me\nport: 0123\nnone: ''\n"),
        ("db.yml", '{"user": "me", "port": 0123, "none": ""}'),
        ("db.json", '{"user": "me", "port": "0123", "none": ""}'),
    ],
)
def test_keys_of_a_document_are_texts_as_written(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert _secrets(tmp_path, f"db={name}") == {"db": {"user": b"me", "port": b"0123", "none": b""}}


def test_numbers_and_truth_in_json_are_texts_as_written(tmp_path: Path) -> None:
    (tmp_path / "db.json").write_text('{"port": 1e3, "debug": true, "emoji": "\\ud83d\\ude00"}')
    assert _secrets(tmp_path, "db=db.json") == {
        "db": {"port": b"1e3", "debug": b"true", "emoji": "😀".encode()},
    }


def test_manifests_of_kubernetes(tmp_path: Path) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "data": {"a": base64.b64encode(b"\0").decode()},
        "stringData": {"b": "c"},
    }
    (tmp_path / "secret.yaml").write_text(json.dumps(secret))
    config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}, "binaryData": {"c": "AAE="}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    bindings = Bindings.parse(["s=secret.yaml"], ["c=config.json"], directory=tmp_path)
    assert dict(bindings.secrets["s"].items()) == {"a": b"\0", "b": b"c"}
    assert dict(bindings.config_maps["c"].items()) == {"a": b"b", "c": b"\0\1"}
    assert "is the manifest of something else than a secret" in _problem(tmp_path, "s=config.json")


def test_with_a_key_a_file_is_its_value_whatever_it_looks_like(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text('{"type": "service_account"}\n')
    assert _secrets(tmp_path, "gcp/credentials.json=credentials.json") == {
        "gcp": {"credentials.json": b'{"type": "service_account"}'},
    }


def test_keys_add_up(tmp_path: Path) -> None:
    (tmp_path / "db.env").write_text("USER=me\n")
    assert _secrets(tmp_path, "db=db.env", "db/PASSWORD=env:P", P="x") == {"db": {"USER": b"me", "PASSWORD": b"x"}}
    assert "the secret 'db': key 'USER' is given twice" in _problem(tmp_path, "db=db.env", "db/USER=env:P", P="x")
    assert "the secret 'db': it is given twice" in _problem(tmp_path, "db=env:P", "db=env:P", P="x")


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (LARGEST + 1))
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "deep.json").write_text('{"a": {"b": 1}}')
    (tmp_path / "bad.yaml").write_text("a: [\n")
    (tmp_path / "bad.env").write_text("A=1\nnothing\n")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "a b").touch()
    problem = _problem(
        tmp_path,
        *(f"s{n}={name}" for n, name in enumerate(("big", "list.json", "deep.json", "bad.yaml", "bad.env", "dir"))),
        "s6=env:NOT_SET",
        "s7=missing",
        "Upper=env:A",
        "s8/a b=env:A",
        "no-equals",
    )
    assert problem.split("; ") == [
        f"what is given for the secret 's0' has {LARGEST + 1} bytes",
        f"Kubernetes takes at most {LARGEST}",
        "what is given for the secret 's1' holds no keys",
        "what is given for the secret 's2' has a key, number 1, whose value is no text",
        "what is given for the secret 's3' is no YAML, line 2",
        "what is given for the secret 's4' has a line 2 that is not KEY=VALUE",
        "what is given for the secret 's5' has the file 'a b', whose name cannot be a key",
        "what is given for the secret 's6' is to come from an environment variable 'NOT_SET' that is not set",
        "what is given for the secret 's7' cannot be read: No such file or directory",
        *["an argument of --secret is neither NAME=SOURCE nor NAME/KEY=SOURCE"] * 3,
    ]


@pytest.mark.parametrize(
    "text", ["db/password=hunter22", "db=hunter22", "hunter22", "hunter22=", "db=env:hunter-22", "db/hunter 22=x"]
)
def test_a_value_in_the_place_of_a_file_is_not_repeated(tmp_path: Path, text: str) -> None:
    problem = _problem(tmp_path, text)
    assert "hunter" not in problem


def test_values_do_not_show(tmp_path: Path) -> None:
    bindings = Bindings.parse(["a=env:A", "b/c=env:A"], environment={"A": "hunter22"}, directory=tmp_path)
    assert "hunter22" not in repr(bindings)
    assert bindings.redactor().text("hunter22") == "****"


def test_volumes_are_directories(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    bindings = Bindings.parse(volumes=["v=data", f"w={tmp_path}"], directory=tmp_path)
    assert bindings.volumes == {"v": tmp_path / "data", "w": tmp_path}
    with pytest.raises(InputError) as caught:
        Bindings.parse(volumes=["v=data", "v=.", "w=file", "nothing"], directory=tmp_path)
    assert str(caught.value).split("; ") == [
        "the volume 'v' is given twice",
        f"the volume 'w' is to be {tmp_path / 'file'}, which is no directory",
        "'nothing', an argument of --volume, is not NAME=DIRECTORY",
    ]


def test_paths_start_at_the_directory_or_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FROM_ENVIRONMENT", "value")
    monkeypatch.chdir(os.sep)
    (tmp_path / "token").write_text("a")
    assert dict(Bindings.parse(["t=~/token"]).secrets["t"].items()) == {"": b"a"}
    assert dict(Bindings.parse(["t=env:FROM_ENVIRONMENT"]).secrets["t"].items()) == {"": b"value"}
