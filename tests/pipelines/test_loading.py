import json
from pathlib import Path

import pytest
import yaml

from stepcache.errors import InputError
from stepcache.pipelines.loading import load, parse
from stepcache.pipelines.model import ABSENT, ComponentInput, Container, Dag, ParameterType, TaskOutput

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


def test_json_is_read_like_yaml() -> None:
    path = SAMPLES / "add_numbers.yaml"
    as_json = json.dumps(yaml.safe_load(path.read_text())).encode()
    assert parse(as_json, source="x.json") == load(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"   \n# only a comment\n", "is empty"),
        (b"\x00\xff\xfe", "is a binary file"),
        (b"a: [1, ]]\n", "line 1 is neither YAML nor JSON"),
        (b"- 1\n- 2\n", "does not hold a mapping"),
        (b"just words", "does not hold a mapping"),
        (b"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {}\n", "is an Argo Workflow"),
        (b"name: x\nimplementation: {container: {image: y}}\n", "is a component definition"),
        (b"apiVersion: v1\nkind: Pod\n", "is a Kubernetes Pod"),
        (b"platforms: {}\n", "a platform spec without its pipeline"),
        (b"pipelineInfo: {name: x}\n", "has no 'pipelineInfo' and 'root'"),
        (b"pipelineInfo: {name: x}\nroot: {nonsense: 1}\n", "nonsense"),
        (b"pipelineInfo: {name: [1]}\nroot: {dag: {}}\n", "no valid compiled pipeline"),
        (b"!!python/object/apply:os.system ['true']", "neither YAML nor JSON"),
    ],
)
def test_anything_else_is_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=r"^file\.yaml") as caught:
        parse(data, source="file.yaml")
    assert message in str(caught.value)
    assert caught.value.remedy


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*absent\.yaml: No such file"):
        load(tmp_path / "absent.yaml")


def _spec(tasks: dict[str, object], **components: object) -> bytes:
    return json.dumps(
        {
            "pipelineInfo": {"name": "x"},
            "root": {"dag": {"tasks": tasks}},
            "components": components or {"c": {"executorLabel": "e"}},
            "deploymentSpec": {"executors": {"e": {"container": {"image": "i"}}}},
        }
    ).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_spec({"a": {"componentRef": {"name": "z"}}}), "names the component 'z'"),
        (_spec({"a": {"componentRef": {"name": "c"}, "dependentTasks": ["b"]}}), "depends on the task 'b'"),
        (_spec({}, c={"executorLabel": "other"}), "names the executor 'other'"),
        (
            _spec(
                {
                    "a": {"componentRef": {"name": "c"}, "dependentTasks": ["b"]},
                    "b": {"componentRef": {"name": "c"}, "dependentTasks": ["a"]},
                }
            ),
            "depend on one another",
        ),
    ],
)
def test_references_that_lead_nowhere_are_named(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(data, source="file.yaml")
