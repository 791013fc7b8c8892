import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepcache import processes
from tests.cli.running import call, document, reasons, results, start, until
from tests.pipelines.compiled import Step, constant, output_of, pipeline_input, write

COUNT = """
def add(a: int, b: int, trace: str) -> int:
    with open(trace, "a") as file:
        file.write("add\\n")
    return a + b
"""
SHOW = """
def show(total: int, trace: str) -> str:
    with open(trace, "a") as file:
        file.write("show\\n")
    return f"total {total}"
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A file to which each execution of a step adds a line."""
    path = tmp_path / "trace"
    path.touch()
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def _sum(path: Path, trace: Path, **changes: Any) -> Path:
    where = constant("STRING", str(trace))
    return write(
        path,
        Step(
            "add",
            COUNT,
            {"a": pipeline_input("NUMBER_INTEGER", "a"), "b": constant("NUMBER_INTEGER", 2), "trace": where},
            outputs={"Output": "NUMBER_INTEGER"},
            **changes,
        ),
        Step(
            "show",
            SHOW,
            {"total": output_of("NUMBER_INTEGER", "add"), "trace": where},
            outputs={"Output": "STRING"},
        ),
        inputs={"a": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1, "isOptional": True}},
        outputs={"text": "show.Output"},
    )


def test_a_second_run_reuses_every_step(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = _sum(tmp_path / "sum.yaml", trace)
    first = call(home, "run", pipeline, "--json")
    assert first.returncode == 0, first.stderr
    assert results(first) == {"add": "miss", "show": "miss"}
    assert reasons(first) == {"add": "first_seen", "show": "first_seen"}
    assert document(first)["state"] == "SUCCEEDED"
    assert document(first)["outputs"] == {"text": "total 3"}

    second = call(home, "run", pipeline, "--json")
    assert results(second) == {"add": "hit", "show": "hit"}
    assert document(second)["outputs"] == {"text": "total 3"}
    assert document(second)["run_id"] != document(first)["run_id"]
    assert [task["cache"]["key"] for task in document(second)["tasks"]] == [
        task["cache"]["key"] for task in document(first)["tasks"]
    ]
    assert trace.read_text().split() == ["add", "show"]


def test_what_changed_is_executed_and_no_more(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = _sum(tmp_path / "sum.yaml", trace)
    call(home, "run", pipeline, "--json")
    changed = call(home, "run", pipeline, "-p", "a=5", "--json")
    assert results(changed) == {"add": "miss", "show": "miss"}
    assert document(changed)["outputs"] == {"text": "total 7"}

    write_again = _sum(tmp_path / "sum.yaml", trace, environment={"MODE": "other"})
    environment_changed = call(home, "run", write_again, "--json")
    assert results(environment_changed) == {"add": "miss", "show": "hit"}  # early cutoff: the same value came out


def test_a_task_with_caching_off_always_runs(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = _sum(tmp_path / "sum.yaml", trace, cached=False)
    call(home, "run", pipeline)
    again = call(home, "run", pipeline, "--json")
    assert results(again) == {"add": "off", "show": "hit"}
    assert reasons(again) == {"add": "caching_off", "show": None}
    assert trace.read_text().split() == ["add", "show", "add"]


def test_two_tasks_with_one_key_execute_once(tmp_path: Path, home: Path, trace: Path) -> None:
    steps = []
    for name in ("first", "second"):
        step = Step("add", COUNT, outputs={"Output": "NUMBER_INTEGER"})
        step.parameters = {
            "a": constant("NUMBER_INTEGER", 1),
            "b": constant("NUMBER_INTEGER", 2),
            "trace": constant("STRING", str(trace)),
        }
        steps.append((name, step))
    pipeline = write(tmp_path / "twins.yaml", steps[0][1])
    text = yaml.safe_load(pipeline.read_text())
    tasks = text["root"]["dag"]["tasks"]
    tasks["twin"] = {**tasks["add"], "taskInfo": {"name": "twin"}}
    pipeline.write_text(json.dumps(text))
    for parallel in ("1", "4"):
        where = home / parallel
        ended = call(where, "run", pipeline, "--json", "--max-parallel", parallel)
        assert sorted(results(ended).values()) in (["miss", "shared"], ["hit", "miss"]), ended.stderr
    assert trace.read_text().split() == ["add", "add"]


PRODUCE = """
def produce(data: Output[Artifact], folder: Output[Artifact], metrics: Output[Artifact]):
    import os
    with open(data.path, "w") as file:
        file.write("payload " * 1000)
    data.metadata["rows"] = 5
    os.makedirs(folder.path + "/deep")
    with open(folder.path + "/deep/x", "w") as file:
        file.write("x")
    metrics.metadata["accuracy"] = 0.5
"""
CONSUME = """
def consume(data: Input[Artifact], folder: Input[Artifact], metrics: Input[Artifact]) -> str:
    with open(data.path) as file:
        size = len(file.read())
    with open(folder.path + "/deep/x") as file:
        return f"{size} {file.read()} {data.metadata['rows']} {metrics.metadata['accuracy']}"
"""


def _artifacts(path: Path) -> Path:
    return write(
        path,
        Step("produce", PRODUCE, output_artifacts=("data", "folder", "metrics")),
        Step(
            "consume",
            CONSUME,
            artifacts={name: ("produce", name) for name in ("data", "folder", "metrics")},
            outputs={"Output": "STRING"},
        ),
        outputs={"text": "consume.Output"},
    )


def _stored(home: Path, size: int) -> Path:
    (found,) = [path for path in (home / "artifacts").rglob("*") if path.is_file() and path.stat().st_size == size]
    return found


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_output_is_found_and_made_again(tmp_path: Path, home: Path, damage: str) -> None:
    pipeline = _artifacts(tmp_path / "artifacts.yaml")
    first = call(home, "run", pipeline, "--json")
    assert document(first)["outputs"] == {"text": "8000 x 5 0.5"}, first.stderr
    stored = _stored(home, 8000)
    original = stored.read_bytes()
    assert stored.stat().st_mode & 0o222 == 0
    if damage == "delete":
        stored.unlink()
    else:
        stored.chmod(0o644)
        stored.write_bytes(original[:-1] + (b"!" if damage == "flip" else b""))

    again = call(home, "run", pipeline, "--json")
    assert results(again) == {"produce": "miss", "consume": "hit"}, again.stderr
    assert reasons(again)["produce"] == ("output_missing" if damage == "delete" else "output_altered")
    assert stored.read_bytes() == original
    assert document(again)["outputs"] == {"text": "8000 x 5 0.5"}
    assert results(call(home, "run", pipeline, "--json")) == {"produce": "hit", "consume": "hit"}


def test_an_artifact_store_that_cannot_be_read_is_an_error_and_no_miss(tmp_path: Path, home: Path) -> None:
    pipeline = _artifacts(tmp_path / "artifacts.yaml")
    assert call(home, "run", pipeline).returncode == 0
    (home / "artifacts").rename(tmp_path / "elsewhere")
    (home / "artifacts").mkdir()
    (home / "artifacts" / "stranger").touch()
    ended = call(home, "run", pipeline, "--json")
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout == ""
    assert "artifact" in ended.stderr


def test_another_artifact_location_is_refused(tmp_path: Path, home: Path) -> None:
    pipeline = _artifacts(tmp_path / "artifacts.yaml")
    assert call(home, "run", pipeline).returncode == 0
    ended = call(home, "--artifacts", tmp_path / "other", "run", pipeline)
    assert ended.returncode == 2
    assert "other" in ended.stderr
    assert str(home / "artifacts") in ended.stderr


FAIL = """
def fail(message: str):
    for number in range(30):
        print("line", number)
    raise ValueError(message)
"""


def test_a_failure_shows_the_end_of_the_log_and_where_it_is(tmp_path: Path, home: Path) -> None:
    pipeline = write(
        tmp_path / "fail.yaml",
        Step("fail", FAIL, {"message": constant("STRING", "no such luck")}),
        Step("never", "def never(): pass", after=("fail",)),
    )
    ended = call(home, "run", pipeline, "--json")
    assert ended.returncode == 1
    states = {task["name"]: task["state"] for task in document(ended)["tasks"]}
    assert states == {"fail": "FAILED", "never": "SKIPPED"}
    assert results(ended) == {"fail": "miss", "never": "none"}
    assert "ValueError: no such luck" in ended.stderr
    assert ended.stderr.count("  | ") == 20
    log = Path(ended.stderr.split("the whole log: ")[1].splitlines()[0])
    assert "line 0" in log.read_text()
    again = call(home, "run", pipeline, "--json")
    assert results(again)["fail"] == "miss"  # errors are not cached


def test_a_run_that_takes_too_long_says_so(home: Path) -> None:
    deadline = Path(__file__).parents[1] / "data" / "platform" / "deadline.yaml"
    problem = "the run took longer than 1 s, the time that the pipeline gives it, and was stopped"
    ended = call(home, "run", deadline, "--json")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == problem
    assert (document(ended)["state"], document(ended)["error"]) == ("FAILED", problem)


def test_a_step_sees_only_what_it_is_given(tmp_path: Path, home: Path) -> None:
    code = """
    def look() -> dict:
        import os
        return {"environment": dict(os.environ), "directory": os.getcwd(), "files": os.listdir()}
    """
    pipeline = write(
        tmp_path / "look.yaml",
        Step("look", code, outputs={"Output": "STRUCT"}, environment={"DECLARED": "yes"}),
        outputs={"seen": "look.Output"},
    )
    ended = call(
        home, "run", pipeline, "--json", environment={"PLANTED": "must not arrive", "PYTHONPATH": "/nowhere"}
    )
    seen = document(ended)["outputs"]["seen"]
    assert seen["environment"]["DECLARED"] == "yes"
    assert not {"PLANTED", "PYTHONPATH"} & seen["environment"].keys()
    assert seen["directory"] != str(Path.cwd())
    assert seen["files"] == []
    assert not Path(seen["directory"]).exists()  # removed when the step had ended


WAIT = """
def wait(started: str, gate: str, child: bool) -> str:
    import os, subprocess, sys, time
    pids = [os.getpid()]
    if child:
        code = "import os, time; os.setsid(); time.sleep(1000)"
        pids.append(subprocess.Popen([sys.executable, "-c", code]).pid)
    with open(started + ".part", "w") as file:
        file.write(" ".join(map(str, pids)))
    os.rename(started + ".part", started)
    while not os.path.exists(gate):
        time.sleep(0.01)
    return "done"
"""


def _waiting(path: Path, directory: Path, *, child: bool = False) -> Path:
    return write(
        path,
        Step("before", "def before() -> str:\n    return 'x'", outputs={"Output": "STRING"}),
        Step(
            "wait",
            WAIT,
            {
                "started": constant("STRING", str(directory / "started")),
                "gate": constant("STRING", str(directory / "gate")),
                "child": constant("BOOLEAN", child),
            },
            outputs={"Output": "STRING"},
            after=("before",),
        ),
        outputs={"result": "wait.Output"},
    )


def _step_processes(directory: Path) -> list[processes.Process]:
    started = directory / "started"
    until(started.exists)
    return [found for pid in started.read_text().split() if (found := processes.find(int(pid))) is not None]


def test_kill_nine_leaves_nothing_and_the_next_run_goes_on(tmp_path: Path, home: Path) -> None:
    pipeline = _waiting(tmp_path / "waiting.yaml", tmp_path, child=True)
    victim = start(home, "run", pipeline, "--json")
    step = _step_processes(tmp_path)
    assert len(step) == 2
    victim.kill()
    victim.communicate()
    until(lambda: all(map(processes.is_gone, step)), seconds=5)

    (tmp_path / "started").unlink()
    (tmp_path / "gate").touch()
    again = call(home, "run", pipeline, "--json")
    assert results(again) == {"before": "hit", "wait": "miss"}, again.stderr
    assert document(again)["outputs"] == {"result": "done"}
    assert list((home / "artifacts" / "scratch").iterdir()) == []


def test_a_run_started_beside_a_killed_one_takes_over(tmp_path: Path, home: Path) -> None:
    pipeline = _waiting(tmp_path / "waiting.yaml", tmp_path)
    victim = start(home, "run", pipeline, "--json")
    first = _step_processes(tmp_path)
    heir = start(home, "run", pipeline, "--json")
    assert heir.stderr is not None
    line = next(line for line in heir.stderr if "waits for" in line)
    assert f"process {victim.pid}" in line
    (tmp_path / "started").unlink()
    victim.kill()
    victim.communicate()
    until((tmp_path / "started").exists, seconds=10)
    assert all(map(processes.is_gone, first))  # the orphan ended before its successor began
    (tmp_path / "gate").touch()
    output, errors = heir.communicate(timeout=60)
    ended = subprocess.CompletedProcess("", heir.returncode, output, errors)
    assert results(ended) == {"before": "hit", "wait": "miss"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_its_steps_and_says_how_to_go_on(
    tmp_path: Path, home: Path, number: signal.Signals
) -> None:
    pipeline = _waiting(tmp_path / "waiting.yaml", tmp_path)
    process = start(home, "run", pipeline, "--json")
    step = _step_processes(tmp_path)
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert output == ""
    assert "run the same command again" in errors
    assert all(map(processes.is_gone, step))

    (tmp_path / "gate").touch()
    again = call(home, "run", pipeline, "--json")
    assert results(again) == {"before": "hit", "wait": "miss"}


def test_eight_processes_at_once_execute_each_step_once(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = _sum(tmp_path / "sum.yaml", trace)
    running = [start(home, "run", pipeline, "--json") for _ in range(8)]
    ended = []
    for process in running:
        output, errors = process.communicate(timeout=120)
        ended.append(subprocess.CompletedProcess("", process.returncode, output, errors))
    assert [run.returncode for run in ended] == [0] * 8, ended[0].stderr
    for name in ("add", "show"):
        assert [results(run)[name] for run in ended].count("miss") == 1
    assert {document(run)["outputs"]["text"] for run in ended} == {"total 3"}
    assert sorted(trace.read_text().split()) == ["add", "show"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n", "Argo Workflow"),
        ("name: x\nimplementation: {}\n", "component definition"),
    ],
)
def test_wrong_input_is_one_clear_error(tmp_path: Path, home: Path, content: str, message: str) -> None:
    path = tmp_path / "input.yaml"
    path.write_text(content)
    ended = call(home, "run", path)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not home.exists()


def test_container_components_are_named_before_anything_runs(home: Path) -> None:
    sample = Path(__file__).parent.parent / "data" / "pipelines" / "pipeline_with_outputs.yaml"
    ended = call(home, "run", sample)
    assert ended.returncode == 2
    assert "comp-" in ended.stderr
    assert "--executor container" in ended.stderr
    assert "--host-commands" in ended.stderr


def test_a_store_that_cannot_be_used_is_exit_code_three(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = _sum(tmp_path / "sum.yaml", trace)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database" * 100)
    ended = call(home, "--store", f"sqlite:///{broken}", "run", pipeline)
    assert ended.returncode == 3
    assert "broken.db" in ended.stderr
    assert trace.read_text() == ""
