"""What a run does not do when everything is reused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stepcache.pipelines import loading
from stepcache.pipelines.task_record import State
from tests.pipelines.running import results, run

ADD = Path(__file__).parents[1] / "data" / "pipelines" / "add_numbers.yaml"


def test_no_process_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = loading.load(ADD)
    parameters = dict.fromkeys(pipeline.root.inputs, "1")
    assert set(results(run(pipeline, tmp_path, parameters)).values()) == {"miss"}
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    again = run(pipeline, tmp_path, parameters)
    assert again.state is State.SUCCEEDED
    assert set(results(again).values()) == {"hit"}
