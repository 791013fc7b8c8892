from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepcache.pipelines.platform.quantity import canonical

VECTORS = Path(__file__).parents[2] / "data" / "vectors" / "quantities.jsonl"


def vectors() -> list[dict[str, Any]]:
    return [json.loads(line) for line in VECTORS.read_text().splitlines()]


def test_quantities_are_printed_as_kubernetes_prints_them() -> None:
    accepted = [vector for vector in vectors() if "canonical" in vector]
    assert len(accepted) > 600
    assert {vector["input"]: canonical(vector["input"]) for vector in accepted} == {
        vector["input"]: vector["canonical"] for vector in accepted
    }


@pytest.mark.parametrize("text", [vector["input"] for vector in vectors() if "error" in vector])
def test_what_kubernetes_does_not_take_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        canonical(text)


@pytest.mark.parametrize("text", ["1e999999999", "1E-999999999", "9" * 5000, "1" * 65, "1\n"])
def test_absurd_quantities_are_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity") as caught:
        canonical(text)
    assert len(str(caught.value)) < 200
