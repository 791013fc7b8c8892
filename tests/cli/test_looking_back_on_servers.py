"""``explain``, ``diff`` and ``stats`` over a store on each kind of server: as over a file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.cli.running import call, document, reasons
from tests.pipelines.compiled import Step, output_of, pipeline_input, write
from tests.servers.server import Server

ADD = "def add(n: int) -> int:\n    return n + 1"
SHOW = "def show(n: int) -> str:\n    return f'total {n}'"


def test_runs_on_a_server_are_explained_compared_and_counted(server: Server, tmp_path: Path) -> None:
    asyncio.run(server.create("back"))
    home, store = tmp_path / "home", ("--store", server.url("back"))
    pipeline = write(
        tmp_path / "sums.yaml",
        Step("add", ADD, {"n": pipeline_input("NUMBER_INTEGER", "n")}, outputs={"Output": "NUMBER_INTEGER"}),
        Step("show", SHOW, {"n": output_of("NUMBER_INTEGER", "add")}, outputs={"Output": "STRING"}),
        inputs={"n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1, "isOptional": True}},
    )

    def printed(command: str, *arguments: str) -> Any:
        ended = call(home, command, *store, *arguments, "--json")
        assert (ended.returncode, ended.stderr) == (0, "")
        return json.loads(ended.stdout)

    first = call(home, "run", *store, pipeline, "--json")
    assert set(reasons(first).values()) == {"first_seen"}, first.stderr
    assert call(home, "run", *store, pipeline).returncode == 0
    changed = call(home, "run", *store, pipeline, "-p", "n=2", "--json")
    assert set(reasons(changed).values()) == {"changed"}

    explained = printed("explain", "latest")
    assert explained["summary"]["because_of_others"] == 1
    assert explained["tasks"][0]["differences"][0]["new"] == 2
    assert printed("explain", "--entry", explained["tasks"][0]["key"][:20])["differences"]
    compared = printed("diff", str(document(first)["run_id"]), "latest")
    assert [task["differs_in"][:2] for task in compared["tasks"]] == [["parts", "outputs"], ["parts", "outputs"]]
    counted = printed("stats")
    assert [counted["tasks"][name] for name in ("hits", "misses")] == [2, 4]
    assert (counted["entries"]["entries"], counted["entries"]["duplicates"]) == (4, 0)
