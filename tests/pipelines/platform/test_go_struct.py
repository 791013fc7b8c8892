from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepcache.pipelines.platform import go_struct

VECTORS = Path(__file__).parents[2] / "data" / "vectors" / "kubernetes_structs.jsonl"
READERS: dict[str, Any] = {
    "toleration": go_struct.toleration,
    "nodeAffinity": go_struct.node_affinity,
    "labels": go_struct.labels,
}


@pytest.mark.parametrize("line", VECTORS.read_text().splitlines())
def test_json_comes_out_of_a_struct_as_in_go(line: str) -> None:
    vector = json.loads(line)
    read, value = READERS[vector["struct"]], json.loads(vector["input"])
    if "error" in vector:
        with pytest.raises(ValueError, match=" is "):
            read(value)
    else:
        assert read(value) == vector["canonical"]


def test_an_error_names_the_place() -> None:
    with pytest.raises(ValueError, match="'key' of an item of 'matchFields' of an item of 'nodeSelectorTerms' of "):
        go_struct.node_affinity(
            {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchFields": [{"key": 3}]}]
                }
            }
        )
