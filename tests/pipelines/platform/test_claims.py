from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepcache.pipelines.model import Container
from stepcache.pipelines.platform.claims import Operation, Outcome, carry_out, operation
from stepcache.pipelines.platform.volumes import Volumes
from tests.pipelines.platform.clusters import load

INPUTS: dict[str, Any] = {"access_modes": ["ReadWriteOnce"], "size": "5Mi"}


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    given = tmp_path / "given"
    given.mkdir()
    return Volumes(tmp_path / "home", "default", {"given": given})


def _create(volumes: Volumes, **inputs: Any) -> Outcome:
    return carry_out(Operation.CREATE, {**INPUTS, **inputs}, volumes, lambda: "0123-id")


def _delete(volumes: Volumes, **inputs: Any) -> Outcome:
    return carry_out(Operation.DELETE, inputs, volumes, lambda: "unused")


def test_images_stand_for_operations() -> None:
    executors = load("platform/volumes.yaml").executors
    found = {
        label: operation(container) for label, container in executors.items() if isinstance(container, Container)
    }
    assert found == {
        "exec-createpvc": Operation.CREATE,
        "exec-deletepvc": Operation.DELETE,
        "exec-read-note": None,
        "exec-write-note": None,
    }


def test_a_claim_has_the_name_that_it_is_given(volumes: Volumes) -> None:
    assert _create(volumes, pvc_name="notes", pvc_name_suffix=None) == Outcome({"name": "notes"})
    volume = volumes.find("notes")
    assert volume is not None
    assert not volume.generated


@pytest.mark.parametrize(("suffix", "name"), [("-notes", "0123-id-notes"), ("", "0123-id")])
def test_or_one_that_is_made_up(volumes: Volumes, suffix: str, name: str) -> None:
    assert _create(volumes, pvc_name_suffix=suffix) == Outcome({"name": name})
    volume = volumes.find(name)
    assert volume is not None
    assert volume.generated


def test_a_claim_that_is_there_is_used_as_it_is(volumes: Volumes) -> None:
    _create(volumes, pvc_name="notes")
    volume = volumes.find("notes")
    assert volume is not None
    (volume.path / "file").touch()
    again = _create(volumes, pvc_name="notes")
    assert again.parameters == {"name": "notes"}
    assert again.note == "the volume claim 'notes' was there, and is used with the data in it"
    assert (volume.path / "file").exists()


def test_a_claim_is_deleted_with_its_data(volumes: Volumes) -> None:
    _create(volumes, pvc_name="notes")
    assert _delete(volumes, pvc_name="notes") == Outcome()
    assert volumes.find("notes") is None
    with pytest.raises(ValueError, match="cannot delete the volume claim 'notes': there is none"):
        _delete(volumes, pvc_name="notes")


def test_a_directory_of_the_users_is_neither_made_nor_deleted(volumes: Volumes, tmp_path: Path) -> None:
    assert _create(volumes, pvc_name="given").note == f"the volume claim 'given' is {tmp_path / 'given'}, as given"
    outcome = _delete(volumes, pvc_name="given")
    assert outcome.note == "the volume claim 'given' is a directory that was given, so it is not deleted"
    assert (tmp_path / "given").is_dir()


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"access_modes": None}, "the input 'access_modes' has no value"),
        ({"size": None}, "the input 'size' has no value"),
        ({"pvc_name": "a", "pvc_name_suffix": "-b"}, "both a name and a suffix"),
        ({"pvc_name": "../a"}, "cannot be the name of a volume claim"),
        ({"pvc_name_suffix": "/../../a"}, "cannot be the name of a volume claim"),
    ],
)
def test_what_kfp_refuses_is_refused(volumes: Volumes, inputs: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        _create(volumes, **inputs)
    with pytest.raises(ValueError, match="the input 'pvc_name' has no value"):
        _delete(volumes)
