"""Where a value of a platform spec comes from, when it is not written there."""

from __future__ import annotations

from stepcache.pipelines.model import ComponentInput, Constant, TaskOutput
from stepcache.pipelines.platform.json_object import JsonObject

Reference = Constant | ComponentInput | TaskOutput
"""The pipeline itself, an input of the DAG that the task is in, or a task before it."""


def read_reference(document: JsonObject) -> Reference | None:
    """A ``TaskInputsSpec.InputParameterSpec``, of which KFP's driver takes three kinds here; None for none."""
    if name := document.text("componentInputParameter"):
        return ComponentInput(name)
    if "taskOutputParameter" in document.fields:
        output = document.object("taskOutputParameter")
        return TaskOutput(output.text("producerTask", needed=True), output.text("outputParameterKey", needed=True))
    value = document.object("runtimeValue").fields
    return Constant(value["constant"]) if "constant" in value else None
