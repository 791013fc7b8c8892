"""Components that are told of their tasks' settings: pipelines of the real SDK, through the engine.

``tests/data/platform/task_config.json`` holds what Go's Kubernetes types make of the same settings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepcache.executors import step_launcher
from stepcache.pipelines import loading, workspace
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.volumes import Volumes
from stepcache.pipelines.result import RunResult
from tests.pipelines.compiled import Step, output_of, write
from tests.pipelines.planned import outlooks, plan
from tests.pipelines.running import results, run

DATA = Path(__file__).parents[2] / "data" / "platform"
EXPECTED = json.loads((DATA / "task_config.json").read_text())
FIELDS = {"node_selector": "nodeSelector", "volume_mounts": "volumeMounts"}
NOTHING: dict[str, Any] = {
    "affinity": None,
    "env": None,
    "nodeSelector": None,
    "resources": {},
    "tolerations": None,
    "volumeMounts": None,
    "volumes": None,
}

needs_mounts = pytest.mark.skipif(
    bool(step_launcher.obstacle()), reason=f"no mounts for steps here: {step_launcher.obstacle()}"
)


def executed(name: str, home: Path, change: Any = None, **given: Any) -> RunResult:
    document = list(yaml.safe_load_all((DATA / f"{name}.yaml").read_text()))
    if change is not None:
        change(*document)
    pipeline = loading.parse(yaml.safe_dump_all(document).encode(), source=f"{name}.yaml")
    result = run(pipeline, home, **given)
    assert str(result.state) == "SUCCEEDED", [task.error for task in result.tasks]
    return result


def told(result: RunResult) -> dict[str, Any]:
    config = result.outputs.parameters["Output"]["config"]
    return {FIELDS.get(name, name): value for name, value in config.items()}


def seen(result: RunResult) -> list[str]:
    names: list[str] = result.outputs.parameters["Output"]["seen"]
    return names


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def bindings(tmp_path: Path) -> Bindings:
    (tmp_path / "db.env").write_text("password=hunter22\n")
    (tmp_path / "api.env").write_text("token=s3same0pen\n")
    (tmp_path / "settings.env").write_text("mode=fast\n")
    for name in ("tls", "files", "data/inner"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / f"{Path(name).name}.txt").write_text("here")
    return Bindings.parse(
        ["db=db.env", "api=api.env", "tls=tls"],
        ["settings=settings.env", "files=files"],
        ["data=data"],
        directory=tmp_path,
    )


def test_a_component_is_told_what_kfp_tells_it_and_gets_nothing_of_it(home: Path) -> None:
    result = executed("told", home)  # without a secret, a config map or a volume: none is needed
    assert told(result) == EXPECTED["told"]
    assert seen(result) == []
    assert results(executed("told", home)) == {"told": "hit"}


@needs_mounts
def test_what_applies_to_the_task_is_given_and_told(home: Path, bindings: Bindings) -> None:
    result = executed("applied", home, bindings=bindings)
    pipeline = loading.load(DATA / "applied.yaml")
    claim = f"{workspace.path(home, 'default', pipeline).name}-kfp-workspace"
    assert told(result) == json.loads(json.dumps(EXPECTED["applied"]).replace("CLAIM", claim))
    assert seen(result) == ["MY_EMPTY", "MY_MODE", "MY_OWN", "MY_PASSWORD", "MY_POD", "MY_TOKEN"]
    assert result.outputs.parameters["Output"]["files"] == ["tls.txt", "files.txt", "inner.txt"]
    assert "hunter22" not in json.dumps(result.outputs.to_document())
    assert results(executed("applied", home, bindings=bindings)) == {"applied": "hit"}


def test_a_component_that_nothing_is_passed_on_to_is_told_so(home: Path) -> None:
    result = executed("untold", home)
    assert told(result) == EXPECTED["untold"] == NOTHING
    assert seen(result) == ["MY_OWN"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory", "2G"),
        ("secret_name", "other"),
        ("selector", '{"disk": "hdd"}'),
        ("tolerations", "[]"),
        ("affinity", "{}"),
    ],
)
def test_what_a_component_is_told_is_part_of_the_key(home: Path, name: str, value: str) -> None:
    first = executed("told", home)
    second = executed("told", home, parameters={name: value})
    assert results(second) == {"told": "miss"}
    assert told(second) != told(first)


def test_a_quantity_that_reads_the_same_is_the_same(home: Path) -> None:
    def halve(spec: Any, platform: Any) -> None:
        container = spec["deploymentSpec"]["executors"]["exec-told"]["container"]
        container["resources"]["resourceCpuLimit"] = "500m"

    executed("told", home)
    assert results(executed("told", home, halve)) == {"told": "hit"}


def test_settings_that_are_passed_on_to_nobody_are_no_part_of_the_key(home: Path) -> None:
    def change(spec: Any, platform: Any) -> None:
        platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-untold"] = {
            "nodeSelector": {"labels": {"disk": "hdd"}}
        }

    executed("untold", home)
    assert results(executed("untold", home, change)) == {"untold": "hit"}


def withhold_env(spec: Any, *, value: str = "value", parameter: bool = True) -> None:
    component = spec["components"]["comp-untold"]
    component["taskConfigPassthroughs"] = [{"field": "ENV"}]
    container = spec["deploymentSpec"]["executors"]["exec-untold"]["container"]
    container["env"] = [{"name": "MY_OWN", "value": value}]
    if not parameter:
        component["inputDefinitions"]["parameters"]["config"]["parameterType"] = "STRUCT"
        component["inputDefinitions"]["parameters"]["config"]["defaultValue"] = {}
        component["inputDefinitions"]["parameters"]["config"]["isOptional"] = True


def test_variables_that_are_withheld_are_not_seen(home: Path) -> None:
    result = executed("untold", home, lambda spec, _: withhold_env(spec))
    assert told(result) == {**NOTHING, "env": [{"name": "MY_OWN", "value": "value"}]}
    assert seen(result) == []
    again = executed("untold", home, lambda spec, _: withhold_env(spec, value="other"))
    assert results(again) == {"untold": "miss"}


def test_variables_that_nobody_gets_do_not_count(home: Path) -> None:
    executed("untold", home, lambda spec, _: withhold_env(spec, parameter=False))
    again = executed("untold", home, lambda spec, _: withhold_env(spec, value="other", parameter=False))
    assert results(again) == {"untold": "hit"}


def test_what_cannot_be_fails_the_task_with_a_sentence(home: Path) -> None:
    pipeline = loading.load(DATA / "told.yaml")
    for name, value, problem in (
        ("memory", "much", "the memory limit: 'much' is no quantity"),
        ("selector", '{"disk": 3}', "'disk' of the node selector is no text"),
        ("tolerations", '["x"]', "the toleration is no JSON object"),
        ("affinity", '{"preferredDuringSchedulingIgnoredDuringExecution": 3}', "is no list"),
    ):
        result = run(pipeline, home, {name: value})
        (task,) = result.tasks
        assert str(task.state) == "FAILED"
        assert problem in task.error


def test_a_claim_of_this_run_alone_that_is_passed_on_is_not_reused(home: Path) -> None:
    """What the component makes others write to the volume, no other run would find."""
    executed("told", home)
    Volumes(home, "default", {}).make("data")
    assert results(executed("told", home)) == {"told": "miss"}  # another volume than the one that was not there
    assert results(executed("told", home)) == {"told": "hit"}
    Volumes(home, "default", {}).delete("data")
    Volumes(home, "default", {}).make("data", generated=True)
    assert results(executed("told", home)) == {"told": "off"}


def inside(spec: Any) -> Any:
    """Put the whole pipeline into a nested one, twice, so that it is worth reusing as a whole."""
    task = spec["root"]["dag"]["tasks"].pop("told")
    spec["root"]["dag"]["tasks"] = {"told": task, "told-2": task}
    parameters = {
        name: {"componentInputParameter": name} for name in spec["root"]["inputDefinitions"]["parameters"]
    }
    inner = {
        "taskInfo": {"name": "inner"},
        "componentRef": {"name": "comp-inner"},
        "inputs": {"parameters": parameters},
    }
    spec["components"]["comp-inner"] = spec["root"]
    output = {"valueFromParameter": {"producerSubtask": "inner", "outputParameterKey": "Output"}}
    outputs = {"parameters": {"Output": output}}
    spec["root"] = {**spec["root"], "dag": {"tasks": {"inner": inner}, "outputs": outputs}}


@pytest.mark.parametrize("name", ["selector", "tolerations", "affinity"])
def test_a_nested_pipeline_is_not_reused_for_one_that_tells_something_else(home: Path, name: str) -> None:
    def change(spec: Any, platform: Any) -> None:
        executor = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-told"]
        del executor["pvcMount"]  # what mounts volumes is not reused as a whole
        inside(spec)

    executed("told", home, change)
    again = executed("told", home, change)
    assert results(again)["inner"] == "hit"
    value = {"selector": '{"disk": "hdd"}', "tolerations": "[]", "affinity": "{}"}[name]
    other = executed("told", home, change, parameters={name: value})
    assert sorted(results(other).values()) == ["miss", "shared"]
    assert told(other) != told(again)


def test_a_nested_pipeline_is_not_reused_for_another_workspace(home: Path) -> None:
    def change(spec: Any, platform: Any, name: str = "one") -> None:
        del platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-told"]["pvcMount"]
        spec["pipelineInfo"]["name"] = name
        spec["components"]["comp-told"]["inputDefinitions"]["parameters"]["place"] = {"parameterType": "STRING"}
        place = {"runtimeValue": {"constant": "/kfp-workspace/data"}}
        spec["root"]["dag"]["tasks"]["told"]["inputs"]["parameters"]["place"] = place
        inside(spec)

    executed("told", home, change)
    assert results(executed("told", home, change))["inner"] == "hit"
    other = executed("told", home, lambda spec, platform: change(spec, platform, "two"))
    claims = [item["persistentVolumeClaim"]["claimName"] for item in told(other)["volumes"][:1]]
    assert claims[0].startswith("two-")


def test_a_plan_knows_what_a_component_will_be_told(home: Path) -> None:
    pipeline = loading.load(DATA / "told.yaml")
    assert outlooks(plan(pipeline, home)) == {"told": "miss first_seen"}
    executed("told", home)
    assert outlooks(plan(pipeline, home)) == {"told": "hit"}
    assert outlooks(plan(pipeline, home, {"memory": "3G"})) == {"told": "miss changed"}


def test_a_plan_waits_for_the_task_that_says_what_is_told(home: Path, tmp_path: Path) -> None:
    choose = Step("choose", "def choose() -> dict:\n    return {'disk': 'ssd'}", outputs={"Output": "STRUCT"})
    take = Step(
        "take",
        "def take(config: dsl.TaskConfig) -> dict:\n    return config.node_selector",
        parameters={"config": ("TASK_CONFIG", {})},
        outputs={"Output": "STRUCT"},
        after=("choose",),
    )
    path = write(tmp_path / "p.yaml", choose, take, outputs={"Output": "take.Output"})
    spec = yaml.safe_load(path.read_text())
    del spec["root"]["dag"]["tasks"]["take"]["inputs"]["parameters"]["config"]
    spec["components"]["comp-take"]["taskConfigPassthroughs"] = [{"field": "KUBERNETES_NODE_SELECTOR"}]
    _, origin = output_of("STRUCT", "choose")
    platform = {
        "platforms": {
            "kubernetes": {
                "deploymentSpec": {"executors": {"exec-take": {"nodeSelector": {"nodeSelectorJson": origin}}}}
            }
        }
    }
    pipeline = loading.parse(yaml.safe_dump_all([spec, platform]).encode(), source="p.yaml")
    assert outlooks(plan(pipeline, home)) == {"choose": "miss first_seen", "take": "unknown inputs choose"}
    assert run(pipeline, home).outputs.parameters == {"Output": {"disk": "ssd"}}
    assert outlooks(plan(pipeline, home)) == {"choose": "hit", "take": "hit"}
