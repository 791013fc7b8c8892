"""``stepcache entries`` as a user calls it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from stepcache.stores.opening import open_store
from tests.cli.running import COMMAND, call, document, results, start, until
from tests.cli.shells import shell
from tests.pipelines.compiled import Step, constant, write
from tests.stores.world import a_key, a_record

MAKES = """
def makes(size: int, data: dsl.Output[dsl.Dataset]) -> str:
    with open(data.path, "w") as file:
        file.write("x" * size)
    return "made"
"""
SLOW = """
def slow(gate: str, begun: str) -> str:
    import os
    import time
    open(begun, "w").close()
    while not os.path.exists(gate):
        time.sleep(0.01)
    return "late"
"""


def making(directory: Path) -> Path:
    return write(
        directory / "making.yaml",
        Step("makes", MAKES, {"size": constant("NUMBER_INTEGER", 5000)}, {}, {"Output": "STRING"}, ("data",)),
    )


def found(home: Path, *arguments: str) -> Any:
    ended = call(home, "entries", *arguments, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def refused(home: Path, *arguments: str) -> str:
    ended = call(home, "entries", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    return ended.stderr


def tasks(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["task"] for entry in entries]


def key_of(home: Path, task: str) -> str:
    (key,) = [entry["key"] for entry in found(home, "ls") if entry["task"] == task]
    return str(key)


def test_entries_are_listed_by_what_is_known_of_them(home: Path, nested: Path, tmp_path: Path) -> None:
    call(home, "run", nested)
    call(home, "run", making(tmp_path))
    call(home, "run", making(tmp_path))
    assert tasks(found(home, "ls")) == ["makes", "inner", "inner/add-2", "inner/add-1", "inner/add-0"]
    assert tasks(found(home, "ls", "--order", "oldest", "--limit", "2")) == ["inner/add-0", "inner/add-1"]
    assert tasks(found(home, "ls", "--pipeline", "making")) == ["makes"]
    assert tasks(found(home, "ls", "--component", "add-1")) == ["inner/add-1"]
    assert tasks(found(home, "ls", "--component", "comp-add-1", "--namespace", "default")) == ["inner/add-1"]
    assert found(home, "ls", "--namespace", "other") == []
    assert tasks(found(home, "ls", "--larger-than", "4KB")) == ["makes"]
    assert found(home, "ls", "--larger-than", "5KiB") == []
    assert found(home, "ls", "--older-than", "PT1H") == []
    assert len(found(home, "ls", "--older-than", "P0D")) == 5
    (made,) = found(home, "ls", "--order", "hits", "--limit", "1")
    assert (made["task"], made["hits"], made["size"]) == ("makes", 1, 5000)
    assert tasks(found(home, "ls", made["key"][:9])) == ["makes"]
    lines = call(home, "entries", "ls").stdout.splitlines()
    assert lines[0].split() == ["key", "task", "pipeline", "when", "took", "size", "hits", "last", "used"]
    assert lines[1].split()[:3] == [made["key"][:12], "makes", "making"]
    assert "5 KB" in lines[1]


def test_places_and_json_may_stand_anywhere(home: Path, tmp_path: Path) -> None:
    call(home, "run", making(tmp_path))
    for words in (["ls"], ["--home", str(home), "ls"], ["ls", "--home", str(home)]):
        place = home if words == ["ls"] else tmp_path / "nowhere"
        assert "makes" in call(place, "entries", *words).stdout


def test_an_entry_is_shown_whole(home: Path, nested: Path, tmp_path: Path) -> None:
    run = document(call(home, "run", making(tmp_path), "--json"))["run_id"]
    call(home, "run", nested)
    shown = found(home, "show", key_of(home, "makes"))
    assert (shown["task"], shown["run_id"], shown["executing"]) == ("makes", run, False)
    assert shown["parts"]["input_parameters"] == {"size": 5000}
    assert shown["output"]["value"]["parameters"] == {"Output": "made"}
    (artifact,) = shown["artifacts"]
    assert (artifact["verdict"], artifact["size"], artifact["kind"]) == ("intact", 5000, "file")
    assert len(Path(artifact["path"]).read_text()) == 5000
    told = call(home, "entries", "show", shown["key"][:8]).stdout
    assert told.startswith(
        f"entry {shown['key']}\n  task makes (comp-makes) of pipeline making, namespace default\n"
    )
    assert f"from run {run}, which executed it in" in told
    assert 'Output = "made"' in told
    assert f"intact: file, 5 KB, {artifact['path']}" in told
    assert "    size: 5000" in told
    inner = found(home, "show", key_of(home, "inner"))
    assert set(inner["rests_on"]) == {key_of(home, f"inner/add-{number}") for number in range(3)}
    told = call(home, "entries", "show", inner["key"]).stdout
    assert all(f"\n  {key}\n" in told for key in inner["rests_on"])


def test_damage_is_shown_and_changes_nothing(home: Path, tmp_path: Path) -> None:
    call(home, "run", making(tmp_path))
    key = key_of(home, "makes")
    path = Path(found(home, "show", key)["artifacts"][0]["path"])
    path.chmod(0o600)
    path.write_text("y" * 5000)
    assert found(home, "show", key)["artifacts"][0]["verdict"] == "altered"
    path.parent.chmod(0o700)
    path.unlink()
    assert found(home, "show", key)["artifacts"][0]["verdict"] == "missing"
    assert tasks(found(home, "ls")) == ["makes"]


def test_what_another_program_stored_is_shown(home: Path) -> None:
    async def put() -> None:
        home.mkdir()
        store = await open_store(f"sqlite:///{home / 'stepcache.db'}")
        await store.put(a_key("text"), a_record("no JSON", template='{"a": 1}'))
        await store.put(a_key("value"), a_record('{"value": [1, "ä"]}', max_staleness=3600))
        await store.close()

    asyncio.run(put())
    told = call(home, "entries", "show", a_key("text")).stdout
    assert "stored by a program" in told
    assert "output\n  no JSON\n" in told
    assert "executed\n  a: 1\n" in told
    told = call(home, "entries", "show", a_key("value")).stdout
    assert 'outputs\n  [1, "ä"]' in told
    assert "to be reused for 1 h 0 min" in told


@pytest.mark.parametrize("action", ["show", "rm"])
def test_what_names_no_entry_is_an_error(home: Path, nested: Path, action: str) -> None:
    call(home, "run", nested)
    yes = ["--yes"] if action == "rm" else []
    assert "too short" in refused(home, action, "abc", *yes)
    assert "begins no key" in refused(home, action, "ABCDEF0123", *yes)
    for key in ("0" * 8, "0" * 64):
        assert f"there is no entry '{key}'" in refused(home, action, key, *yes)
    assert len(found(home, "ls")) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ls", "--larger-than", "big"], "'big' is not a size"),
        (["ls", "--older-than", "old"], "'old' is not a duration"),
        (["ls", "xyz"], "begins no key"),
        (["rm", "--yes"], "not said which entries"),
        (["rm", "--yes", "aaaaaaaa", "--component", "x"], "at once"),
        (["rm", "--component", "x"], "no terminal to ask on"),
    ],
)
def test_bad_input_is_one_error(home: Path, arguments: list[str], sentence: str) -> None:
    assert sentence in refused(home, *arguments)
    assert not home.exists()


def test_a_removal_is_foretold_and_done(home: Path, nested: Path) -> None:
    run = document(call(home, "run", nested, "--json"))["run_id"]
    key = key_of(home, "inner/add-1")
    told = call(home, "entries", "rm", key[:10], "--dry-run")
    assert told.returncode == 0
    assert told.stdout.splitlines() == [
        "to be removed: 1 entry, with 0 bytes",
        f"  {key[:12]}  inner/add-1  chain",
        f"run {run}, the newest of pipeline chain, has results from there; run again, it",
        "  executes inner/add-1",
        "  and then, unless the outcome is the same, inner/add-2",
        "nested pipelines that rest on them, and go task by task the next time:",
        "  inner (chain)",
    ]
    assert len(found(home, "ls")) == 4
    dry = found(home, "rm", key, "--dry-run")
    assert (dry["removed"], dry["uses"][0]["after"]) == ([], ["inner/add-2"])
    removed = found(home, "rm", key, "--yes")
    assert (removed["removed"], removed["revoked"], removed["changed"]) == ([key], [], [])
    assert results(call(home, "run", nested, "--json"))["inner/add-1"] == "miss"


def test_entries_are_removed_by_filters(home: Path, nested: Path, tmp_path: Path) -> None:
    call(home, "run", nested)
    call(home, "run", making(tmp_path))
    told = call(home, "entries", "rm", "--pipeline", "chain", "--yes")
    assert told.stdout.splitlines()[0] == "to be removed: 4 entries, with 0 bytes"
    assert told.stdout.splitlines()[-1] == "removed 4 entries"
    assert tasks(found(home, "ls")) == ["makes"]
    nothing = call(home, "entries", "rm", "--pipeline", "chain", "--yes")
    assert (nothing.returncode, nothing.stdout) == (0, "to be removed: 0 entries, with 0 bytes\n")


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 1, 1), ("", 1, 1), ("\x04", 1, 1)])
def test_on_a_terminal_it_is_asked(home: Path, tmp_path: Path, answer: str, code: int, left: int) -> None:
    call(home, "run", making(tmp_path))
    line = " ".join([*COMMAND, "--home", str(home), "entries", "rm", "--component", "makes"])
    with shell(["sh", "-c", f"{line}; echo code $?"], dict(os.environ)) as terminal:
        terminal.until("remove 1 entry? [y/N] ")
        terminal.type(answer if answer == "\x04" else f"{answer}\n")
        terminal.until(f"code {code}")
    assert len(found(home, "ls")) == left


def test_a_running_execution_may_not_store_its_result_any_more(home: Path, tmp_path: Path) -> None:
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    parameters = {"gate": constant("STRING", str(gate)), "begun": constant("STRING", str(begun))}
    pipeline = write(tmp_path / "slow.yaml", Step("slow", SLOW, parameters, {}, {"Output": "STRING"}))
    running = start(home, "run", pipeline, "--json")
    until(begun.exists)
    until(lambda: bool(_key(home)))
    key = _key(home)
    assert refused(home, "rm", key[:12], "--yes")  # the beginning of a key names an entry, and there is none
    told = found(home, "rm", key, "--yes")
    assert (told["executing"], told["revoked"], told["removed"]) == ([key], [key], [])
    gate.touch()
    output, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors
    assert "invalidated while it ran" in errors
    assert json.loads(output)["state"] == "SUCCEEDED"
    assert found(home, "ls") == []


def _key(home: Path) -> str:
    """That of the one task of the newest run, once it is recorded."""
    listed = json.loads(call(home, "show", "latest", "--json").stdout)["tasks"]
    return (listed[0]["key"] or "") if listed else ""


def test_an_entry_that_is_stored_anew_meanwhile_is_left(home: Path, tmp_path: Path) -> None:
    """Race: a removal by filters and a refresh. Between what is said and the removal, the task is run anew."""
    call(home, "run", making(tmp_path))
    line = " ".join([*COMMAND, "--home", str(home), "entries", "rm", "--component", "makes"])
    with shell(["sh", "-c", f"{line}; echo code $?"], dict(os.environ)) as terminal:
        terminal.until("remove 1 entry? [y/N] ")
        assert call(home, "run", making(tmp_path), "--refresh").returncode == 0
        terminal.type("y\n")
        assert "stored anew meanwhile, and left: 1 entry" in terminal.until("code 0")
    assert tasks(found(home, "ls")) == ["makes"]


def test_every_field_is_described(home: Path, nested: Path) -> None:
    call(home, "run", nested)
    text = (Path(__file__).parents[2] / "docs" / "entries.md").read_text()
    fields = {*found(home, "show", key_of(home, "inner")), *found(home, "rm", "--component", "add-0", "--dry-run")}
    assert [name for name in fields if f"`{name}`" not in text] == []
