"""Names of inputs and outputs: refused where every run comes to them, and nowhere else."""

import json
from typing import Any

import pytest

from stepcache.errors import InputError
from stepcache.pipelines.loading import parse

ARTIFACT = {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}
STEP = {
    "executorLabel": "e",
    "inputDefinitions": {"parameters": {"x": {"parameterType": "STRING"}}, "artifacts": {"data": ARTIFACT}},
    "outputDefinitions": {"parameters": {"Output": {"parameterType": "STRING"}}, "artifacts": {"model": ARTIFACT}},
}
FROM_INPUT = {"componentInputParameter": "given"}
FROM_NOWHERE = {"componentInputParameter": "absent"}
NO_ARTIFACT = {"componentInputArtifact": "absent"}
OPTIONAL = {
    "executorLabel": "e",
    "inputDefinitions": {
        "parameters": {"x": {"parameterType": "STRING", "isOptional": True}},
        "artifacts": {"data": {**ARTIFACT, "isOptional": True}},
    },
}
CONDITION: dict[str, Any] = {"triggerPolicy": {"condition": "1 == 2"}}
LOOP: dict[str, Any] = {"parameterIterator": {"itemInput": "item", "items": {"raw": "[]"}}}


def _task(component: str = "step", parameters: Any = None, artifacts: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "componentRef": {"name": component},
        "inputs": {"parameters": parameters or {}, "artifacts": artifacts or {}},
        **more,
    }


def _output(task: str, key: str = "Output") -> dict[str, Any]:
    return {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}}


def _artifact(task: str, key: str = "model") -> dict[str, Any]:
    return {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": key}}


def _dag(tasks: dict[str, Any], *, oneof: str = "", **outputs: str) -> dict[str, Any]:
    """A DAG whose output parameters and artifacts come from the outputs of its task ``a``."""
    parameters: dict[str, Any] = {
        name: {"valueFromParameter": {"producerSubtask": "a", "outputParameterKey": key}}
        for name, key in outputs.items()
        if name != "made"
    }
    if oneof:
        selectors = [{"producerSubtask": "a", "outputParameterKey": key} for key in oneof.split()]
        parameters["chosen"] = {"valueFromOneof": {"parameterSelectors": selectors}}
    artifacts: dict[str, Any] = {
        "made": {"artifactSelectors": [{"producerSubtask": "a", "outputArtifactKey": outputs.get("made", "model")}]}
    }
    return {"dag": {"tasks": tasks, "outputs": {"parameters": parameters, "artifacts": artifacts}}}


def _parse(tasks: dict[str, Any], **components: Any) -> None:
    document = {
        "pipelineInfo": {"name": "x"},
        "root": {
            "dag": {"tasks": tasks},
            "inputDefinitions": {
                "parameters": {"given": {"parameterType": "STRING"}},
                "artifacts": {"raw": ARTIFACT},
            },
        },
        "components": {"step": STEP, **components},
        "deploymentSpec": {"executors": {"e": {"container": {"image": "i"}}}},
    }
    parse(json.dumps(document).encode(), source="file")


INNER = _dag({"a": _task()}, Output="Output", broken="absent")
OUTER = _dag({"a": _task("inner")}, Output="Output", dead="nothing", made="made", oneof="Output Output")


@pytest.mark.parametrize(
    ("tasks", "components", "message"),
    [
        ({"t": _task(parameters={"x": FROM_NOWHERE})}, {}, "'x' from the input parameter 'absent'"),
        ({"t": _task(parameters={"x": FROM_NOWHERE}, **CONDITION)}, {}, "'x' from the input parameter 'absent'"),
        ({"t": _task(artifacts={"data": NO_ARTIFACT})}, {}, "input artifact 'absent'"),
        (
            {"t": _task(), "u": _task(artifacts={"data": _artifact("t", "absent")})},
            {},
            "'data' from 't', which has no output artifact 'absent'",
        ),
        (
            {"t": _task("outer"), "u": _task(parameters={"x": _output("t", "absent")})},
            {"inner": INNER, "outer": OUTER},
            "'x' from 't', which has no output parameter 'absent'",
        ),
        (
            {"t": _task("outer"), "u": _task(parameters={"x": _output("t", "dead")})},
            {"inner": INNER, "outer": OUTER},
            "'x' from 't', which has no output parameter 'dead'",
        ),
        (
            {"t": _task("outer"), "u": _task(artifacts={"data": _artifact("t", "Output")})},
            {"inner": INNER, "outer": OUTER},
            "'data' from 't', which has no output artifact 'Output'",
        ),
        (
            {"t": _task("nested")},
            {"nested": _dag({"a": _task(parameters={"x": FROM_INPUT})})},
            "'a' of component 'nested' takes 'x' from the input parameter 'given'",
        ),
        (
            {"t": _task(parameters={"x": FROM_INPUT}, parameterIterator={"items": {"inputParameter": "absent"}})},
            {},
            "loop over the input parameter 'absent'",
        ),
        (
            {"t": _task(artifactIterator={"items": {"inputArtifact": "absent"}})},
            {},
            "loop over the input artifact 'absent'",
        ),
        ({"t": _task(parameterIterator={"items": {"raw": "{}"}})}, {}, "loop over items that are no JSON list"),
        ({"t": _task(parameterIterator={"items": {"raw": "[1"}})}, {}, "loop over items that are no JSON list"),
        (
            {"t": _task(parameterIterator={"items": {"raw": "[" * 99999}})},
            {},
            "loop over items that are no JSON list",
        ),
        ({"t": _task(parameterIterator={})}, {}, "loop over the input parameter ''"),
    ],
)
def test_a_name_that_every_run_would_fail_by_is_refused(
    tasks: dict[str, Any], components: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f"^file: task .*{message}"):
        _parse(tasks, **components)


@pytest.mark.parametrize(
    ("tasks", "components"),
    [
        # given by the task, declared or not; declared by the component, given or not
        (
            {"t": _task("nested", parameters={"undeclared": FROM_INPUT})},
            {"nested": _dag({"a": _task(parameters={"x": {"componentInputParameter": "undeclared"}})})},
        ),
        (
            {"t": _task("nested")},
            {
                "nested": {
                    **_dag({"a": _task(parameters={"x": {"componentInputParameter": "optional"}})}),
                    "inputDefinitions": {
                        "parameters": {"optional": {"parameterType": "STRING", "isOptional": True}}
                    },
                }
            },
        ),
        # an optional input: what it comes from may be absent
        ({"t": _task("optional", {"x": FROM_NOWHERE}, {"data": NO_ARTIFACT})}, {"optional": OPTIONAL}),
        # an input for a placeholder only
        ({"t": _task(parameters={"pipelinechannel--given": FROM_INPUT})}, {}),
        # a step may write a parameter that it does not declare
        ({"t": _task(), "u": _task(parameters={"x": _output("t", "undeclared")})}, {}),
        # outputs by way of nested DAGs and of a OneOf
        (
            {
                "t": _task("outer"),
                "u": _task(parameters={"x": _output("t")}, artifacts={"data": _artifact("t", "made")}),
                "v": _task(parameters={"x": _output("t", "chosen")}),
            },
            {"inner": INNER, "outer": OUTER},
        ),
        # an output that nobody takes
        ({"t": _task("inner")}, {"inner": INNER}),
        # branches that may not be taken: under a condition, in a loop without items, and behind them
        ({"t": _task("nested", **CONDITION)}, {"nested": _dag({"a": _task(parameters={"x": FROM_NOWHERE})})}),
        ({"t": _task("nested", **LOOP)}, {"nested": _dag({"a": _task(parameters={"x": FROM_NOWHERE})})}),
        (
            {
                "t": _task(**CONDITION),
                "u": _task(dependentTasks=["t"]),
                "v": _task(parameters={"x": FROM_NOWHERE}, dependentTasks=["u"]),
            },
            {},
        ),
        # loops over what is there
        ({"t": _task(parameters={"l": FROM_INPUT}, parameterIterator={"items": {"inputParameter": "l"}})}, {}),
        (
            {
                "t": _task(
                    artifacts={"l": {"componentInputArtifact": "raw"}},
                    artifactIterator={"items": {"inputArtifact": "l"}},
                )
            },
            {},
        ),
    ],
)
def test_what_kfp_runs_is_not_refused(tasks: dict[str, Any], components: dict[str, Any]) -> None:
    _parse(tasks, **components)


def test_many_ways_to_one_output_are_looked_at_once() -> None:
    both = [{"producerSubtask": "a", "outputParameterKey": "chosen"}] * 2
    deep = {
        f"c{n}": {
            "dag": {
                "tasks": {"a": _task(f"c{n + 1}")},
                "outputs": {"parameters": {"chosen": {"valueFromOneof": {"parameterSelectors": both}}}},
            }
        }
        for n in range(500)
    }
    end = _dag({"a": _task()})
    with pytest.raises(InputError, match="no output parameter 'chosen'"):
        _parse({"t": _task("c0"), "u": _task(parameters={"x": _output("t", "chosen")})}, **deep, c500=end)
