from __future__ import annotations

from typing import Any

import pytest

from stepcache.pipelines.platform.resources import document

CHANNEL = "{{$.inputs.parameters['pipelinechannel--amount']}}"


def test_the_numbers_that_old_sdks_wrote_count_where_there_is_no_text() -> None:
    spec = {"cpuLimit": 2.0, "memoryLimit": 1.5, "cpuRequest": 0.65, "memoryRequest": 0.65, "resourceCpuLimit": "3"}
    assert document(spec, {}) == {
        "limits": {"cpu": "3", "memory": "1500M"},
        "requests": {"cpu": "650m", "memory": "650M"},
    }


@pytest.mark.parametrize(
    ("number", "printed"), [(0.1, "100m"), (1, "1"), (123456, "123456"), (0.0001, "100u"), (1e-05, "10e-6")]
)
def test_numbers_are_read_as_go_prints_them(number: float, printed: str) -> None:
    assert document({"cpuLimit": number}, {}) == {"limits": {"cpu": printed}}


def test_a_number_that_go_prints_with_an_exponent_has_no_unit() -> None:
    with pytest.raises(ValueError, match=r"the memory limit: '1e\+06G' is no quantity"):
        document({"memoryLimit": 1e6}, {})


def test_amounts_come_from_inputs_of_the_task() -> None:
    spec = {"resourceMemoryRequest": CHANNEL, "accelerator": {"resourceType": CHANNEL, "resourceCount": "1"}}
    assert document(spec, {"pipelinechannel--amount": "1024Mi"}) == {
        "limits": {"1024Mi": "1"},
        "requests": {"memory": "1Gi"},
    }
    with pytest.raises(ValueError, match="'pipelinechannel--amount', which has no value"):
        document(spec, {})
    with pytest.raises(ValueError, match="the memory request: '' is no quantity"):
        document(spec, {"pipelinechannel--amount": 3})  # as in KFP, where a number has no text


@pytest.mark.parametrize(
    ("accelerator", "limits"),
    [
        ({"type": "gpu", "count": "2"}, {"gpu": "2"}),
        ({"resourceType": "nvidia.com/gpu", "type": "gpu", "resourceCount": "1"}, {"nvidia.com/gpu": "1"}),
        ({"resourceType": "gpu"}, None),
        ({"resourceCount": "1"}, None),
        ({"resourceType": "gpu", "count": "0"}, None),
    ],
)
def test_accelerators(accelerator: dict[str, Any], limits: dict[str, str] | None) -> None:
    assert document({"accelerator": accelerator}, {}) == ({"limits": limits} if limits else {})


def test_nothing_asked_for_is_nothing_told() -> None:
    assert document({}, {}) == {}
