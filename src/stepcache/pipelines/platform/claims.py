"""``CreatePVC`` and ``DeletePVC`` of ``kfp-kubernetes``: tasks that KFP's driver carries out itself.

Rules: ``createPVC`` and ``deletePVC`` in ``backend/src/v2/driver/k8s.go`` of kubeflow/pipelines, with two
differences. They are never reused: KFP does, and then hands out the name of a claim that is gone (#5844). And
creating a claim that is there is no error, so that a run that was cut off can be run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import Container, JsonValue
from stepcache.pipelines.platform.volumes import Volumes

_OUTPUT = "name"


class Operation(StrEnum):
    """What a task does to a claim; the value is the image that stands for it."""

    CREATE = "argostub/createpvc"
    DELETE = "argostub/deletepvc"


_OPERATIONS: Mapping[str, Operation] = {str(operation): operation for operation in Operation}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation did."""

    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    """The task's output parameters."""
    note: str = ""
    """What to tell the user beside it, if anything."""


def operation(container: Container) -> Operation | None:
    """The operation that a container stands for; None for one that is to be run."""
    return _OPERATIONS.get(container.image)


def carry_out(
    what: Operation, inputs: Mapping[str, JsonValue], volumes: Volumes, new_id: Callable[[], str]
) -> Outcome:
    """Do it, with the task's input parameters. Blocks while a volume's files are removed.

    ``new_id`` makes up names: UUIDs. Raises ValueError, with a sentence for people, where KFP fails the task, and
    OSError.
    """
    if what is Operation.CREATE:
        return _create(inputs, volumes, new_id)
    return _delete(inputs, volumes)


def _create(inputs: Mapping[str, JsonValue], volumes: Volumes, new_id: Callable[[], str]) -> Outcome:
    for needed in ("access_modes", "size"):
        if inputs.get(needed) is None:
            raise ValueError(f"cannot create a volume claim: the input '{needed}' has no value")
    name, suffix = _text(inputs, "pvc_name"), _text(inputs, "pvc_name_suffix")
    if name and suffix:
        raise ValueError("cannot create a volume claim that has both a name and a suffix for one")
    volume, is_new = volumes.make(name or f"{new_id()}{suffix}", generated=not name)
    if volumes.is_given(volume.name):
        note = f"the volume claim '{volume.name}' is {volume.path}, as given"
    elif not is_new:
        note = f"the volume claim '{volume.name}' was there, and is used with the data in it"
    else:
        note = ""
    return Outcome({_OUTPUT: volume.name}, note)


def _delete(inputs: Mapping[str, JsonValue], volumes: Volumes) -> Outcome:
    name = _text(inputs, "pvc_name")
    if not name:
        raise ValueError("cannot delete a volume claim: the input 'pvc_name' has no value")
    if volumes.is_given(name):
        return Outcome(note=f"the volume claim '{name}' is a directory that was given, so it is not deleted")
    if not volumes.delete(name):
        raise ValueError(f"cannot delete the volume claim '{name}': there is none")
    return Outcome()


def _text(inputs: Mapping[str, JsonValue], name: str) -> str:
    value = inputs.get(name)
    return value if isinstance(value, str) else ""
