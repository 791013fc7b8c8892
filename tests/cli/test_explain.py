"""``stepcache explain`` as a user calls it: one thing is changed at a time, and it names exactly that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.running import call, document, reasons
from tests.executors.environments.packages import wheel
from tests.pipelines.compiled import Step, constant, output_of, pipeline_input, write

Document = dict[str, Any]
Change = Callable[[Document], None]

MAKE = """
def make(size: int, note: str, data: dsl.Output[dsl.Artifact]) -> str:
    with open(data.path, "w") as file:
        file.write("x" * size)
    return note
"""
READ = """
def read(data: dsl.Input[dsl.Artifact], summary: dsl.Output[dsl.Artifact]):
    with open(data.path) as file, open(summary.path, "w") as out:
        out.write(f"read {len(file.read())}")
"""
TELL = """
def tell(summary: dsl.Input[dsl.Artifact]) -> str:
    with open(summary.path) as file:
        return file.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    return write(
        tmp_path / "chain.yaml",
        Step(
            "make",
            MAKE,
            {"size": pipeline_input("NUMBER_INTEGER", "size"), "note": constant("STRING", "one")},
            outputs={"Output": "STRING"},
            output_artifacts=("data",),
            environment={"MODE": "slow-pl4nted"},
        ),
        Step("read", READ, artifacts={"data": ("make", "data")}, output_artifacts=("summary",)),
        Step("tell", TELL, artifacts={"summary": ("read", "summary")}, outputs={"Output": "STRING"}),
        inputs={"size": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3, "isOptional": True}},
    )


def edit(path: Path, change: Change) -> None:
    found = yaml.safe_load(path.read_text())
    change(found)
    path.write_text(yaml.safe_dump(found))


def container(found: Document, name: str = "make") -> Document:
    made: Document = found["deploymentSpec"]["executors"][f"exec-{name}"]["container"]
    return made


def explained(home: Path, *arguments: str) -> Document:
    ended = call(home, "explain", *arguments, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    found: Document = json.loads(ended.stdout)
    return found


def told(home: Path, *arguments: str) -> str:
    ended = call(home, "explain", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def run(home: Path, pipeline: Path, *arguments: str, code: int = 0) -> dict[str, str | None]:
    ended = call(home, "run", pipeline, *arguments, "--json")
    assert ended.returncode == code, ended.stderr
    return reasons(ended)


def install(found: Document, *words: str) -> None:
    """As ``packages_to_install`` and index options are compiled."""
    script = " ".join(["python3 -m pip install --quiet --no-warn-script-location", *words])
    made = container(found)
    old = made["command"][3:] if made["command"][1] == "-c" else made["command"]
    made["command"] = ["sh", "-c", f'{script} && "$0" "$@"\n', *old]


def _image(found: Document) -> None:
    container(found)["image"] = "python:3.12"


def _variable(found: Document) -> None:
    container(found)["env"] = [{"name": "MODE", "value": "fast-pl4nted"}]


def _parameter(found: Document) -> None:
    task = found["root"]["dag"]["tasks"]["make"]
    task["inputs"]["parameters"]["note"]["runtimeValue"]["constant"] = "two"


def _source(found: Document) -> None:
    command = container(found)["command"]
    command[-1] = command[-1].replace("return note", 'return note or ""')


def _function(found: Document) -> None:
    made = container(found)
    made["command"][-1] += "make_it = make\n"
    made["args"][-1] = "make_it"


def _argument(found: Document) -> None:
    container(found)["args"] += ["--verbose"]


def _custom_key(found: Document) -> None:
    found["root"]["dag"]["tasks"]["make"]["cachingOptions"]["cacheKey"] = "mine"


def _output(found: Document) -> None:
    outputs = found["components"]["comp-make"]["outputDefinitions"]["artifacts"]
    outputs["data"]["artifactType"]["schemaTitle"] = "system.Dataset"


@pytest.mark.parametrize(
    ("change", "part", "values", "words"),
    [
        (_image, "image", {"old": "python:3.11", "new": "python:3.12"}, "image: python:3.11 → python:3.12"),
        (
            _variable,
            "environment_variable MODE",
            {"note": "a masked value changed"},
            "environment variable MODE: a masked value changed",
        ),
        (_parameter, "parameter note", {"old": "one", "new": "two"}, "parameter note: one → two"),
        (_source, "source make", None, "source make: 1 line added, 1 line removed"),
        (_argument, "argument", {"new": "--verbose"}, "argument: nothing → --verbose"),
        (_custom_key, "custom_key", {"new": "mine"}, "custom key: nothing → mine"),
        (_output, "output data", None, "output data: "),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_was_changed_is_named_and_nothing_else(
    pipeline: Path, home: Path, *, change: Change, part: str, values: Document | None, words: str
) -> None:
    run(home, pipeline)
    edit(pipeline, change)
    planned = json.loads(call(home, "plan", pipeline, "--json").stdout)
    assert planned["tasks"][0]["reason"] == "changed"
    assert run(home, pipeline)["make"] == "changed"

    found = explained(home, "latest", "make")
    (difference,) = found["differences"]
    assert " ".join(filter(None, (difference.pop("part"), difference.pop("name")))) == part
    if values is not None:
        assert difference == values
    assert found["compared_with"]["task"] == "make"
    text = told(home, "latest")
    assert words in text
    assert "pl4nted" not in text + json.dumps(found)


def test_the_source_that_changed_is_shown_line_by_line(pipeline: Path, home: Path) -> None:
    run(home, pipeline)
    edit(pipeline, _source)
    run(home, pipeline)
    (difference,) = explained(home, "latest", "make")["differences"]
    changed = [line for line in difference["diff"] if line.startswith(("-", "+"))]
    assert changed == ["-    return note", '+    return note or ""']
    lines = [line.strip("│├└─ ") for line in told(home, "latest", "make").splitlines()]
    assert '+    return note or ""' in lines


def test_another_function_of_a_changed_source_is_two_differences(pipeline: Path, home: Path) -> None:
    run(home, pipeline)
    edit(pipeline, _function)
    run(home, pipeline)
    found = explained(home, "latest", "make")["differences"]
    assert [difference["part"] for difference in found] == ["source", "function"]
    assert (found[1]["old"], found[1]["new"]) == ("make", "make_it")


def test_tasks_that_follow_are_folded_under_their_cause(pipeline: Path, home: Path) -> None:
    run(home, pipeline)
    assert run(home, pipeline, "-p", "size=4") == {"make": "changed", "read": "changed", "tell": "changed"}
    found = explained(home, "latest")
    tasks = {task["name"]: task for task in found["tasks"]}
    assert tasks["make"]["differences"] == [
        {"part": "parameter", "name": "size", "old": 3, "new": 4, "from": {"run": "size"}}
    ]
    (data,) = tasks["read"]["differences"]
    assert (data["part"], data["name"], data["from"]) == ("input", "data", {"task": "make", "output": "data"})
    assert data["old"] != data["new"]
    assert {name: task["because_of"] for name, task in tasks.items()} == {
        "make": [],
        "read": [{"task": "make", "output": "data"}],
        "tell": [{"task": "read", "output": "summary"}],
    }
    assert found["summary"] == {
        "executed": 3,
        "of_their_own": 1,
        "because_of_others": 2,
        "reused": 0,
        "nondeterministic": 0,
    }
    lines = told(home, "latest").splitlines()
    assert "make was executed (changed: parameter size: 3 → 4), 2 because of that, 0 reused" in lines[0]
    assert lines[1].endswith("make  changed: parameter size: 3 → 4")
    assert lines[-2].endswith("read: because make's output data changed")
    assert lines[-1].endswith("tell: because read's output summary changed")


def test_what_is_reused_names_the_execution(pipeline: Path, home: Path) -> None:
    first = document(call(home, "run", pipeline, "--json"))["run_id"]
    run(home, pipeline)
    assert "all of its 3 tasks were reused" in told(home, "latest").splitlines()[0]
    found = explained(home, "latest", "read")
    assert (found["result"], found["reason"]) == ("hit", None)
    assert (found["executed_by"]["run_id"], found["executed_by"]["task"]) == (first, "read")
    assert f"reused from run {first}, task read" in told(home, "latest", "read")


def test_the_nearest_execution_is_compared_and_not_the_last(pipeline: Path, home: Path) -> None:
    near = document(call(home, "run", pipeline, "--json"))["run_id"]
    original = pipeline.read_text()
    edit(pipeline, _parameter)
    edit(pipeline, _image)
    run(home, pipeline)
    pipeline.write_text(original)
    run(home, pipeline, "-p", "size=5")
    found = explained(home, "latest", "make")
    assert found["compared_with"]["run_id"] == near
    assert [difference["name"] for difference in found["differences"]] == ["size"]


def test_the_same_pipeline_goes_before_another(pipeline: Path, home: Path, tmp_path: Path) -> None:
    run(home, pipeline)
    other = tmp_path / "other.yaml"
    text = pipeline.read_text().replace("name: chain", "name: other")
    other.write_text(text)
    edit(other, _image)
    assert run(home, other)["make"] == "changed"
    assert explained(home, "latest", "make")["compared_with"]["pipeline"] == "chain"
    edit(other, _parameter)
    run(home, other, "-p", "size=3")
    found = explained(home, "latest", "make")
    assert found["compared_with"]["pipeline"] == "other"
    assert [difference["name"] for difference in found["differences"]] == ["note"]


def test_requirements_are_told_by_their_versions(pipeline: Path, home: Path, tmp_path: Path) -> None:
    links = tmp_path / "links"
    for version in ("1.0", "2.0"):
        wheel(links, "alpha", version, requires=["beta"])
    wheel(links, "beta", "1.0")
    offline = ("--no-index", "--find-links", str(links))
    edit(pipeline, lambda found: install(found, *offline, "'alpha==1.0'"))
    run(home, pipeline)

    edit(pipeline, lambda found: install(found, *offline, "'Alpha==2.0'"))
    assert run(home, pipeline)["make"] == "changed"
    assert explained(home, "latest", "make")["differences"] == [
        {
            "part": "requirement",
            "name": "alpha",
            "old": "1.0",
            "new": "2.0",
            "note": "asked for as 'alpha==1.0', now 'Alpha==2.0'",
        }
    ]
    assert "requirement alpha: 1.0 → 2.0" in told(home, "latest")

    edit(pipeline, lambda found: install(found, *offline, "'alpha>=1'"))
    run(home, pipeline)
    (difference,) = explained(home, "latest", "make")["differences"]
    assert (difference["old"], difference["new"]) == ("Alpha==2.0", "alpha>=1")
    assert difference["note"] == "both come to 2.0"

    wheel(links, "beta", "1.5")  # what comes along
    run(home, pipeline, "--refresh-env")
    (difference,) = explained(home, "latest", "make")["differences"]
    assert (difference["name"], difference["old"], difference["new"]) == ("beta", "1.0", "1.5")


def test_options_of_pip_are_told_without_passwords(pipeline: Path, home: Path, tmp_path: Path) -> None:
    links = [tmp_path / name for name in ("links", "others")]
    for directory in links:
        wheel(directory, "alpha")

    def ask(directory: Path, password: str) -> None:
        words = ("--no-index", "--find-links", str(directory), "--extra-index-url", f"http://me:{password}@host/")
        edit(pipeline, lambda found: install(found, *words, "alpha"))
        run(home, pipeline)

    ask(links[0], "pl4nted-one")
    ask(links[1], "pl4nted-one")
    (difference,) = explained(home, "latest", "make")["differences"]
    assert (difference["part"], difference["name"]) == ("pip_option", "--find-links")
    assert (difference["old"], difference["new"]) == tuple(map(str, links))
    ask(links[1], "pl4nted-two")
    found = explained(home, "latest", "make")
    assert found["differences"] == [{"part": "masked", "name": None, "note": "a masked value changed"}]
    text = told(home, "latest")
    assert "a masked value changed" in text
    assert "pl4nted" not in text + json.dumps(found)


def test_a_secret_that_changed_is_named_and_never_shown(home: Path, tmp_path: Path) -> None:
    use = "def use() -> str:\n    import os\n    return f\"token {os.environ['PASSWORD']}\""
    take = "def take(token: str) -> int:\n    return len(token)"
    path = write(
        tmp_path / "secrets.yaml",
        Step("use", use, outputs={"Output": "STRING"}),
        Step("take", take, {"token": output_of("STRING", "use")}, outputs={"Output": "NUMBER_INTEGER"}),
    )
    secret = {"secretName": "db", "keyToEnv": [{"secretKey": "password", "envVar": "PASSWORD"}]}
    settings = {"exec-use": {"secretAsEnv": [secret]}}
    spec = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": settings}}}}
    path.write_text(f"{path.read_text()}\n---\n{yaml.safe_dump(spec)}")
    for value in ("pl4nted-one", "pl4nted-other"):
        (tmp_path / "password").write_text(value)
        run(home, path, "--secret", f"db/password={tmp_path / 'password'}")
    found = {task["name"]: task for task in explained(home, "latest")["tasks"]}
    assert found["use"]["reason"] == "refreshed"
    assert "a secret that the result holds, which has changed" in found["use"]["sentence"]
    (token,) = found["take"]["differences"]
    assert (token["part"], token["name"], token["note"]) == ("parameter", "token", "a masked value changed")
    assert "old" not in token
    assert "pl4nted" not in json.dumps(found) + told(home, "latest") + told(home, "latest", "take")


def _command(path: Path, size: str, script: str = "echo $2") -> Path:
    """A container component that runs a command of its own."""
    write(path, Step("make", "def make(): pass", outputs={"Output": "STRING"}))
    place = "{{$.outputs.parameters['Output'].output_file}}"

    def change(found: Document) -> None:
        container(found)["command"] = ["sh", "-c", f'mkdir -p "$(dirname "$0")"; {script} > "$0"', place]
        container(found)["args"] = ["--size", size, "--to", "end"]

    edit(path, change)
    return path


def test_arguments_are_called_by_their_option(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "command.yaml"
    run(home, _command(path, "3"), "--host-commands")
    run(home, _command(path, "4"), "--host-commands")
    found = explained(home, "latest", "make")["differences"]
    assert found == [{"part": "argument", "name": "--size", "old": "3", "new": "4"}]
    run(home, _command(path, "4", "echo $3"), "--host-commands")
    (difference,) = explained(home, "latest", "make")["differences"]
    assert (difference["part"], difference["name"]) == ("command", "-c")


def test_an_import_is_told_by_what_is_there(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "imports.yaml", Step("make", "def make(): pass"))
    data = tmp_path / "data.txt"

    def change(found: Document) -> None:
        artifact = {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}
        found["components"]["comp-make"] = {
            "executorLabel": "exec-make",
            "outputDefinitions": {"artifacts": {"artifact": artifact}},
        }
        found["deploymentSpec"]["executors"]["exec-make"] = {
            "importer": {"artifactUri": {"constant": str(data)}, "typeSchema": artifact["artifactType"]}
        }

    edit(path, change)
    for content in ("one", "another"):
        data.write_text(content)
        run(home, path)
    (difference,) = explained(home, "latest", "make")["differences"]
    assert (difference["part"], difference["name"]) == ("import", "look")


def test_stale_tells_age_limit_and_rule(pipeline: Path, home: Path, tmp_path: Path) -> None:
    policy = tmp_path / "stepcache.toml"
    policy.write_text('[components.make]\nmax_staleness = "PT0.001S"\n')
    run(home, pipeline)
    assert run(home, pipeline, "--policy", str(policy))["make"] == "stale"
    sentence = explained(home, "latest", "make")["sentence"]
    rule = re.escape('stepcache.toml [components."make"]')
    assert re.fullmatch(rf"stale: [0-9.]+ s old, limit PT0.001S, set by {rule}", sentence)


@pytest.mark.parametrize(
    ("arguments", "reason", "sentence"),
    [
        (("--refresh", "make"), "refreshed", "refreshed: a new execution was asked for, set by --refresh make"),
        (("--no-cache",), "caching_off", "caching off, set by --no-cache"),
        (
            ("--max-staleness", "PT0S"),
            "refreshed",
            "refreshed: a new execution was asked for, set by --max-staleness PT0S",
        ),
    ],
)
def test_other_reasons_tell_who_asked(
    pipeline: Path, home: Path, arguments: tuple[str, ...], reason: str, sentence: str
) -> None:
    run(home, pipeline)
    assert run(home, pipeline, *arguments)["make"] == reason
    found = explained(home, "latest", "make")
    assert (found["reason"], found["sentence"], found["differences"]) == (reason, sentence, [])
    assert found["remedy"]
    assert sentence in told(home, "latest")


def test_a_pipeline_that_switches_caching_off_is_named(pipeline: Path, home: Path) -> None:
    edit(pipeline, lambda found: found["root"]["dag"]["tasks"]["make"].pop("cachingOptions"))
    run(home, pipeline)
    assert explained(home, "latest", "make")["sentence"] == "caching off, set by the pipeline"


@pytest.mark.parametrize(("damage", "reason"), [(None, "output_missing"), ("other bytes", "output_altered")])
def test_a_damaged_output_is_named(pipeline: Path, home: Path, damage: str | None, reason: str) -> None:
    edit(pipeline, lambda found: found["root"]["dag"]["tasks"]["read"].pop("cachingOptions"))
    run(home, pipeline)
    (content,) = [
        path for path in (home / "artifacts").rglob("*") if path.is_file() and path.read_bytes() == b"xxx"
    ]
    content.parent.chmod(0o755)
    content.chmod(0o644)
    content.unlink()
    if damage is not None:
        content.write_text(damage)
    assert run(home, pipeline)["make"] == reason
    assert "output data (" in explained(home, "latest", "make")["sentence"]


def test_an_execution_with_the_same_key_and_other_outputs_is_non_deterministic(home: Path, tmp_path: Path) -> None:
    code = "def draw() -> str:\n    import secrets\n    return secrets.token_hex(8)"
    path = write(tmp_path / "draws.yaml", Step("draw", code, outputs={"Output": "STRING"}))
    first = document(call(home, "run", path, "--json"))["run_id"]
    run(home, path, "--refresh")
    found = explained(home, "latest")
    (task,) = found["tasks"]
    (output,) = task["nondeterministic"]
    assert output["output"] == "Output"
    assert output["old"] != output["new"]
    assert task["same_key_as"]["run_id"] == first
    assert found["summary"]["nondeterministic"] == 1
    words = f"non-deterministic: run {first[:8]} executed the same and left another Output"
    assert words in told(home, "latest")
    assert words in told(home, "--entry", task["key"])


def test_the_same_after_a_failure_says_so(home: Path, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code = "def work(flag: str) -> str:\n    return open(flag).read()"
    step = Step("work", code, {"flag": constant("STRING", str(flag))}, outputs={"Output": "STRING"})
    path = write(tmp_path / "works.yaml", step)
    failed = document(call(home, "run", path, "--json"))["run_id"]
    flag.write_text("here")
    assert run(home, path) == {"work": "first_seen"}
    assert f"the same failed in run {failed}" in told(home, "latest")


def test_an_execution_that_failed_can_be_compared_with(pipeline: Path, home: Path) -> None:
    def fail(found: Document) -> None:
        command = container(found)["command"]
        command[-1] = command[-1].replace("return note", "raise ValueError(note)")

    edit(pipeline, fail)
    run(home, pipeline, code=1)

    def fix(found: Document) -> None:
        command = container(found)["command"]
        command[-1] = command[-1].replace("raise ValueError(note)", "return note")

    edit(pipeline, fix)
    assert run(home, pipeline)["make"] == "changed"
    found = explained(home, "latest", "make")
    assert found["compared_with"]["state"] == "FAILED"
    assert [difference["part"] for difference in found["differences"]] == ["source"]


def test_iterations_with_one_reason_are_one_line(home: Path, tmp_path: Path) -> None:
    item = {"parameterType": "NUMBER_INTEGER"}
    path = write(
        tmp_path / "loops.yaml",
        Step("say", "def say(n: int) -> int:\n    return n", {"n": pipeline_input("NUMBER_INTEGER", "item")}),
    )

    def loop(found: Document) -> None:
        inner = {
            "dag": {"tasks": found["root"]["dag"]["tasks"]},
            "inputDefinitions": {"parameters": {"item": item}},
        }
        found["components"]["comp-for-loop-1"] = inner
        task = {
            "taskInfo": {"name": "for-loop-1"},
            "componentRef": {"name": "comp-for-loop-1"},
            "parameterIterator": {"itemInput": "item", "items": {"raw": "[1, 2, 3]"}},
        }
        found["root"] = {"dag": {"tasks": {"for-loop-1": task}}}

    edit(path, loop)
    assert set(run(home, path).values()) == {None, "first_seen"}
    edit(path, lambda found: container(found, "say").update(image="python:3.12"))
    assert set(run(home, path).values()) == {None, "changed"}
    found = explained(home, "latest")
    assert [len(task["differences"]) for task in found["tasks"]] == [1, 1, 1]  # each with its own item's
    lines = [line for line in told(home, "latest").splitlines() if "say" in line]
    assert "for-loop-1/say (3 iterations)  changed: image: python:3.11 → python:3.12" in lines[0]
    assert "for-loop-1[1]/say" in told(home, "latest", "for-loop-1[1]/say").splitlines()[0]


def test_an_entry_is_explained_by_its_key(pipeline: Path, home: Path) -> None:
    run(home, pipeline)
    run(home, pipeline, "-p", "size=4")
    key = explained(home, "latest", "make")["key"]
    found = explained(home, "--entry", key)
    assert (found["key"], found["component"], found["task"]) == (key, "comp-make", "make")
    assert [difference["name"] for difference in found["differences"]] == ["size"]
    text = told(home, "--entry", key[:16])
    assert text.startswith(f"entry {key[:12]} of make: ")
    assert "parameter size: 3 → 4" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name either a run or an entry"),
        (("latest", "--entry", "ab"), "name either a run or an entry"),
        (("nothing",), "there is no run 'nothing'"),
        (("latest", "mke"), "has no task 'mke'"),
        (("--entry", "XY"), "'XY' is no key"),
        (("--entry", "0" * 64), "is the beginning of no entry's key"),
    ],
)
def test_bad_input_is_refused(pipeline: Path, home: Path, arguments: tuple[str, ...], sentence: str) -> None:
    run(home, pipeline)
    ended = call(home, "explain", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert "remedy: " in ended.stderr


def test_there_is_nothing_to_explain_before_the_first_run(home: Path) -> None:
    ended = call(home, "explain", "latest")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert not home.exists()
