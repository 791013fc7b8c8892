from pathlib import Path

import pytest

from stepcache.errors import InputError
from stepcache.pipelines import parameter_file

YAML = """
# what people write
epochs: 3
rate: 1e-3
name: no
when: 2024-01-31
rates: [0.1, 0.2]
options: {1: a, deep: {flag: true, nothing: null}}
"""
JSON = '{"epochs": 3, "rates": [0.1, 0.2], "nothing": null}'


def test_yaml_and_json(tmp_path: Path) -> None:
    path = tmp_path / "params"
    path.write_text(YAML)
    assert parameter_file.read(path) == {
        "epochs": 3,
        "rate": 0.001,
        "name": "no",
        "when": "2024-01-31",
        "rates": [0.1, 0.2],
        "options": {"1": "a", "deep": {"flag": True, "nothing": None}},
    }
    path.write_text(JSON)
    assert parameter_file.read(path) == {"epochs": 3, "rates": [0.1, 0.2], "nothing": None}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"- 1\n", "does not hold a mapping"),
        (b"a: 1\n---\nb: 2\n", "holds 2 documents"),
        (b"a: 1\na: 2\n", "line 2 .* the key 'a' is there twice"),
        (b"a: [1\n", "line 2 cannot be read as YAML or JSON"),
        (b"a: .nan\n", "'.nan' is no value of JSON"),
        (b"PK\x03\x04\x00", "is a binary file"),
    ],
)
def test_anything_else_is_one_clear_error(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"params\.yaml.*{message}") as caught:
        parameter_file.read(path)
    assert "mapping" in caught.value.remedy


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*absent: No such file"):
        parameter_file.read(tmp_path / "absent")
