import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stepcache.errors import InputError
from stepcache.pipelines.loading import load, parse
from stepcache.pipelines.model import ABSENT, ComponentInput, Container, Dag, ParameterType, TaskOutput
from tests.pipelines.refusal import refusal

SAMPLES = Path(__file__).parent.parent / "data" / "pipelines"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sample_loads(path: Path) -> None:
    document = next(yaml.safe_load_all(path.read_text()))
    pipeline = load(path)
    assert pipeline.name == document["pipelineInfo"]["name"]
    assert isinstance(pipeline.root.body, Dag)
    assert set(pipeline.root.body.tasks) == set(document["root"]["dag"]["tasks"])
    assert set(pipeline.components) == set(document["components"])


def test_a_pipeline_is_represented_whole() -> None:
    pipeline = load(SAMPLES / "two_step_pipeline.yaml")
    assert isinstance(pipeline.root.body, Dag)
    reader = pipeline.root.body.tasks["read-from-gcs"]
    writer = pipeline.root.body.tasks["write-to-gcs"]
    assert reader.dependencies == ("write-to-gcs",)
    assert reader.artifacts == {"input_gcs_path": TaskOutput("write-to-gcs", "output_gcs_path")}
    assert writer.parameters["text"].origin == ComponentInput("text")
    assert writer.cached
    text = pipeline.root.inputs["text"]
    assert (text.type, text.default, text.optional) == (ParameterType.STRING, "Hello KFP!", True)
    container = pipeline.executors["exec-write-to-gcs"]
    assert isinstance(container, Container)
    assert container.image == "google/cloud-sdk:slim"
    assert pipeline.components["comp-write-to-gcs"].inputs["text"].default is ABSENT


SIMPLE = SAMPLES / "add_numbers.yaml"
WITH_PLATFORMS = SAMPLES / "nested_parallel_for_secret.yaml"


def _documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


def _zipped(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pipeline.yaml", content)


def _tarred(path: Path, content: bytes) -> None:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("pipeline.yaml")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("name", ["pipeline.zip", "pipeline.tar.gz", "pipeline.tgz", "pipeline", "pipeline.yaml"])
@pytest.mark.parametrize("write", [Path.write_bytes, _zipped, _tarred], ids=["plain", "zip", "tar.gz"])
@pytest.mark.parametrize("sample", [SIMPLE, WITH_PLATFORMS], ids=["one document", "two documents"])
def test_the_content_tells_what_a_file_is(
    tmp_path: Path, name: str, write: Callable[[Path, bytes], object], sample: Path
) -> None:
    path = tmp_path / name
    write(path, sample.read_bytes())
    assert load(path) == load(str(path)) == load(sample)


def test_documents_in_either_order_and_manifests(tmp_path: Path) -> None:
    expected = load(WITH_PLATFORMS)
    assert expected.platforms["platforms"]["kubernetes"]
    spec, platforms = _documents(WITH_PLATFORMS)
    group = "pipelines.kubeflow.org/v2beta1"
    version = {
        "apiVersion": group,
        "kind": "PipelineVersion",
        "metadata": {"name": "x"},
        "spec": {"pipelineName": "x", "pipelineSpec": spec, "platformSpec": platforms},
    }
    pipeline = {"apiVersion": group, "kind": "Pipeline", "metadata": {"name": "x"}}
    for documents in ([platforms, spec], [version], [pipeline, version]):
        assert parse(yaml.safe_dump_all(documents).encode(), source="file") == expected
    assert parse(json.dumps(version).encode(), source="file") == expected
    assert parse(json.dumps({"pipeline_spec": spec, "platform_spec": platforms}).encode(), source="f") == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_is_read_like_yaml(encoding: str) -> None:
    as_json = json.dumps(*_documents(SIMPLE), indent="\t").encode(encoding)
    assert parse(as_json, source="x.json") == load(SIMPLE)


NO_PRODUCER = b"""
pipelineInfo: {name: x}
root: {dag: {tasks: {a: {inputs: {artifacts: {b: {taskOutputArtifact: {}}}}}}}}
"""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"   \n# only a comment\n", "is empty"),
        (b"\x00\xff\xfe", "is a binary file"),
        (b"a: [1, ]]\n", "line 1 cannot be read as YAML or JSON"),
        (b"pipelineInfo: {}\npipelineInfo: {}\n", "line 2 cannot be read .*'pipelineInfo' is there twice"),
        (b"- 1\n- 2\n", "does not hold a mapping"),
        (b"just words", "does not hold a mapping"),
        (b"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {}\n", "is an Argo Workflow"),
        (b"name: x\nimplementation: {container: {image: y}}\n", "is a component definition"),
        (b"apiVersion: v1\nkind: Pod\n", "is a Kubernetes Pod"),
        (b"platforms: {}\n", "a platform spec without its pipeline"),
        (b"pipelineInfo: {name: x}\n", "has no 'pipelineInfo' and 'root'"),
        (b"pipelineInfo: {name: x}\nroot: {nonsense: 1}\n", "nonsense"),
        (b"pipelineInfo: {name: [1]}\nroot: {dag: {}}\n", "no valid compiled pipeline"),
        (b"pipelineInfo: {}\nroot: {dag: {}}\n", r"it has no name \(pipelineInfo.name\)"),
        (b"pipelineInfo: {name: x}\nroot:\n", "'root' is missing"),
        (b"pipelineInfo: {name: x}\nroot: {executorLabel: e}\n", "its root is no DAG of tasks"),
        (
            NO_PRODUCER,
            "'producerTask' is missing",
        ),
        (
            b"pipelineInfo: {name: x}\nroot: {dag: {}, inputDefinitions: {parameters: {a: {parameterType: 99}}}}",
            "99 is not a valid ParameterType",
        ),
        (b"!!python/object/apply:os.system ['true']", "is none of JSON's types"),
    ],
)
def test_anything_else_is_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=r"^file\.yaml.*" + message) as caught:
        parse(data, source="file.yaml")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("absent.yaml", r"cannot read .*absent\.yaml: No such file"),
        ("absent.py:train", r"cannot read .*absent\.py: No such file"),
        ("", "cannot read .*: Is a directory"),
        ("text.py:", "text.py defines no pipeline"),
        ("script", "looks like Python, and its name does not"),
        ("damaged.yaml", "is a damaged package"),
        ("argo.zip", "pipeline.yaml in .*argo.zip is an Argo Workflow"),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path: Path, what: str, message: str) -> None:
    (tmp_path / "text.py").write_text("x = 1\n")
    (tmp_path / "script").write_text("#!/usr/bin/env python3\n\nfrom kfp import dsl\n")
    (tmp_path / "damaged.yaml").write_bytes(b"PK\x03\x04")
    _zipped(tmp_path / "argo.zip", b"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n")
    with pytest.raises(InputError, match=message) as caught:
        load(f"{tmp_path}/{what}")
    assert caught.value.remedy


def test_an_address_is_no_file() -> None:
    with pytest.raises(InputError, match=r"^https://example\.com/p\.yaml is an address") as caught:
        load("https://example.com/p.yaml")
    assert "download" in caught.value.remedy


def test_a_colon_may_be_part_of_a_files_name(tmp_path: Path) -> None:
    path = tmp_path / "a:b"
    path.write_bytes(SIMPLE.read_bytes())
    assert load(path) == load(SIMPLE)


def test_components_that_nothing_executes_are_left_out() -> None:
    (document,) = _documents(SIMPLE)
    document["components"]["unused"] = {"executorLabel": "absent"}
    assert parse(json.dumps(document).encode(), source="file") == load(SIMPLE)


def test_the_type_of_the_deployment_may_be_named() -> None:
    (document,) = _documents(SIMPLE)
    document["deploymentSpec"]["@type"] = "type.googleapis.com/ml_pipelines.PipelineDeploymentConfig"
    assert parse(json.dumps(document).encode(), source="file") == load(SIMPLE)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a document with each of its keys."""
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    below = [place for key in keys if isinstance(value[key], dict | list) for place in _places(value[key])]
    return [(value, key) for key in keys] + below


STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    1e300,
    "",
    "x",
    "{{$}}",
    [],
    {},
    [1],
    {"a": 1},
    {"": {}},
    "STRING",
    99,
    "5s",
)


@pytest.mark.parametrize("sample", ["if_elif_else_complex", "pipeline_with_importer", "pipeline_with_retry"])
@settings(max_examples=30)
@given(data=st.data())
def test_no_document_raises_anything_else(sample: str, data: st.DataObject) -> None:
    document = _documents(SAMPLES / f"{sample}.yaml")[0]
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(_places(document)))
        container[key] = data.draw(st.sampled_from(STRANGE))
    refused = refusal(InputError, lambda: parse(json.dumps(document).encode(), source="file"))
    assert refused is None or (str(refused).startswith("file") and refused.remedy)
