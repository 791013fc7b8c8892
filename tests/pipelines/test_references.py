import json
from typing import Any

import pytest

from stepcache.errors import InputError
from stepcache.pipelines.loading import parse

TASK = {"componentRef": {"name": "c"}}


def _spec(tasks: dict[str, Any], **components: Any) -> bytes:
    return json.dumps(
        {
            "pipelineInfo": {"name": "x"},
            "root": {"dag": {"tasks": tasks}},
            "components": {"c": {"executorLabel": "e"}, **components},
            "deploymentSpec": {"executors": {"e": {"container": {"image": "i"}}}},
        }
    ).encode()


def _dag(*components: str, **more: Any) -> dict[str, Any]:
    tasks = {f"task-{name}": {"componentRef": {"name": name}} for name in components}
    return {"dag": {"tasks": tasks, **more}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_spec({"a": {"componentRef": {"name": "z"}}}), "task 'a' of component 'root' names the component 'z'"),
        (_spec({"a": {}}), "names the component ''"),
        (_spec({"a": {**TASK, "dependentTasks": ["b"]}}), "depends on the task 'b', which is not there"),
        (_spec({"a": TASK}, c={"executorLabel": "other"}), "component 'c' names the executor 'other'"),
        (_spec({"a": TASK}, c={}), "component 'c' has neither tasks nor an executor"),
        (_spec({"a": {**TASK, "dependentTasks": ["a"]}}), "depend on one another: a → a"),
        (
            _spec({"a": {**TASK, "dependentTasks": ["b"]}, "b": {**TASK, "dependentTasks": ["a"]}}),
            "the tasks of component 'root' depend on one another",
        ),
        (_spec({"a": TASK}, c=_dag("d"), d=_dag("c")), "components execute one another in a circle: .*[cd] → [cd]"),
        (_spec({"a": TASK}, c=_dag("c")), "components execute one another in a circle"),
        (_spec({"a": {"componentRef": {"name": "root"}}}, root=_dag("c")), "a component has the name 'root'"),
        (
            _spec(
                {"a": TASK},
                c=_dag(
                    "d",
                    outputs={
                        "parameters": {
                            "o": {"valueFromParameter": {"producerSubtask": "z", "outputParameterKey": "k"}}
                        }
                    },
                ),
                d={"executorLabel": "e"},
            ),
            "output 'o' of component 'c' comes from the task 'z'",
        ),
    ],
)
def test_references_that_lead_nowhere_are_named(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"^file: .*{message}") as caught:
        parse(data, source="file")
    assert caught.value.remedy


def test_a_long_chain_of_components_and_tasks_is_no_circle() -> None:
    components = {f"c{n}": _dag(f"c{n + 1}") for n in range(3000)}
    tasks = {f"t{n}": {"componentRef": {"name": "c0"}, "dependentTasks": [f"t{n + 1}"]} for n in range(3000)}
    parse(_spec({**tasks, "t3000": TASK}, **components, c3000={"executorLabel": "e"}), source="file")
