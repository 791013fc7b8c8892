import argparse
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stepcache.cli import key as command
from stepcache.errors import InputError
from tests.cli.running import COMMAND
from tests.keys import vectors

HELLO = b'{\n  "container": {\n    "command": ["echo", "Hello"],\n    "image": "python:3.11"\n  }\n}\n'
HELLO_KEY = "07f2c42567af4f141a52887e0a113c9aefdfdfd5e6b06b9908f7fdb0b43739af"
NAMESPACED_KEY = "5ea9e9f07d01e21f5bbda698d3bb7d29db34b6f7462e796e8832718d336b410f"
CUSTOM_KEY = "ad05e747b67b95e4fc4ce080cdb5850f89744360a85753b90a1a434d46dedd2e"


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "template.json"
    path.write_bytes(HELLO)
    return path


def _feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_pretty_printed_document(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--scheme", "v1", str(document)) == 0
    assert capsys.readouterr().out == f"{HELLO_KEY}\n"


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _feed(monkeypatch, HELLO)
    assert _run("--scheme", "v1-namespaced", "--namespace", "default", "-") == 0
    assert capsys.readouterr().out == f"{NAMESPACED_KEY}\n"


@pytest.mark.parametrize("scheme", [(), ("--scheme", "v2"), ("--scheme", "v2-env")])
def test_a_custom_key(scheme: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*scheme, "--component", "my-component", "--cache-key", "my-custom-cache-key") == 0
    assert capsys.readouterr().out == f"{CUSTOM_KEY}\n"


def test_json(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run("--scheme", "v1", "--json", str(document))
    _run("--component", "my-component", "--cache-key", "my-custom-cache-key", "--json")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"scheme": "v1", "key": HELLO_KEY},
        {"scheme": "v2", "key": CUSTOM_KEY},
    ]


@pytest.mark.parametrize(
    ("scheme", "name"), [("v1", "argo_template_keys"), ("v2", "v2_fingerprints"), ("v2-env", "v2_fingerprints")]
)
def test_lines_of_golden_vectors(
    scheme: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden: list[dict[str, Any]] = [vector for vector in vectors.load(name) if b"\n" not in vector["input"]]
    path = tmp_path / "lines"
    path.write_bytes(b"\n".join(vector["input"] for vector in golden))
    assert _run("--scheme", scheme, "--lines", str(path)) == 1
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert len(lines) == len(golden)
    for line, vector in zip(lines, golden, strict=True):
        assert line == vector["sha256"] if "sha256" in vector else line.startswith("error: ")
    assert output.err == f"stepcache key: 1 of {len(golden)} documents in {path} refused\n"


def test_lines_go_on_after_a_refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _feed(monkeypatch, b'{}\r\n\n{"a"\n\xff\n"\xe2\x80\xa8"\n{"container":{}}')
    assert _run("--scheme", "v1", "--lines") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[1:5]] == ["error"] * 4
    assert len(lines) == 6
    assert len(lines[0]) == len(lines[5]) == 64


def test_lines_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _feed(monkeypatch, b"{}\n[]\n")
    assert _run("--scheme", "v1", "--lines", "--json", "-") == 1
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [sorted(answer) for answer in answers] == [["key", "scheme"], ["error", "scheme"]]


def test_lines_without_a_refusal_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    _feed(monkeypatch, b"{}\n{}\n")
    assert _run("--scheme", "v2", "--lines") == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x7fELF\x02\x00\xff", "unexpected"),
        (b"name: pipeline\n", "unexpected 'n'"),
        (b"[]", "an Argo template is a JSON object"),
        (b'{"a": 1e400}', "beyond the range"),
    ],
)
def test_a_document_without_a_key(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "document"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        _run("--scheme", "v1", str(path))
    assert str(path) in str(refused.value)
    assert "Argo template" in refused.value.remedy


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="cannot be read") as refused:
            _run("--scheme", "v2", str(path))
        assert refused.value.remedy


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--scheme is missing"),
        (("--scheme", "v1"), "no document"),
        (("--scheme", "v1-namespaced", "x"), "needs the namespace"),
        (("--scheme", "v1-namespaced", "--namespace", "", "x"), "needs the namespace"),
        (("--scheme", "v1", "--namespace", "a", "x"), "a namespace is no part"),
        (("--component", "a"), "--cache-key"),
        (("--cache-key", "a"), "--component"),
        (("--component", "a", "--cache-key", ""), "not empty"),
        (("--component", "a", "--cache-key", "b", "--scheme", "v1"), "no custom keys"),
        (("--component", "a", "--cache-key", "b", "x"), "nothing else"),
        (("--component", "\udcff", "--cache-key", "b"), "UTF-8"),
    ],
)
def test_wrong_usage_has_a_remedy(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        _run(*arguments)
    assert refused.value.remedy


def test_provisional_schemes_are_marked_in_help_and_documentation() -> None:
    documentation = (Path(__file__).parent.parent.parent / "docs" / "keys.md").read_text()
    for scheme in ("v1-namespaced", "v2-env"):
        (line,) = [line for line in command.EPILOG.splitlines() if line.strip().startswith(scheme)]
        assert "provisional" in line
        (row,) = [line for line in documentation.splitlines() if line.startswith(f"| `{scheme}`")]
        assert "provisional" in row


def test_as_a_command(document: Path) -> None:
    ended = subprocess.run(
        [*COMMAND, "key", "--scheme", "v1", str(document)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{HELLO_KEY}\n", "")
    ended = subprocess.run(
        [*COMMAND, "key", "--scheme", "v2", str(document)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "CacheKey has no field 'container'" in ended.stderr
    assert "remedy: give one CacheKey" in ended.stderr
