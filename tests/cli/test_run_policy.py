"""How a run uses the cache, by options and by ``stepcache.toml``."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.running import call, reasons, results, start, until
from tests.pipelines.compiled import Step, output_of, pipeline_input, write

ONE = 'def one(seed: int) -> str:\n    return "one"\n'
TWO = "def two(text: str) -> str:\n    return text + text\n"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    return write(
        tmp_path / "pipeline.yaml",
        Step("one", ONE, {"seed": pipeline_input("NUMBER_INTEGER", "seed")}, outputs={"Output": "STRING"}),
        Step("two", TWO, {"text": output_of("STRING", "one")}, outputs={"Output": "STRING"}),
        inputs={"seed": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1, "isOptional": True}},
    )


class Runner:
    def __init__(self, tmp_path: Path, pipeline: Path) -> None:
        self.home, self._pipeline = tmp_path / "home", pipeline

    def __call__(self, *options: str) -> subprocess.CompletedProcess[str]:
        return call(self.home, "run", self._pipeline, "--json", *options)


@pytest.fixture
def run(tmp_path: Path, pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.chdir(tmp_path)
    runner = Runner(tmp_path, pipeline)
    runner()
    return runner


def test_no_cache_reuses_nothing_and_stores_nothing(run: Runner) -> None:
    assert results(run("--no-cache", "-p", "seed=2")) == {"one": "off", "two": "off"}
    assert results(run("-p", "seed=2")) == {"one": "miss", "two": "hit"}


def test_refresh_executes_anew_what_is_named(run: Runner) -> None:
    refreshed = run("--refresh", "one")
    assert results(refreshed) == {"one": "miss", "two": "hit"}  # the same outcome: what follows is reused
    assert reasons(refreshed)["one"] == "refreshed"
    assert results(run("--refresh")) == {"one": "miss", "two": "miss"}
    assert results(run()) == {"one": "hit", "two": "hit"}


def test_a_result_that_is_too_old_for_the_run_is_stale(run: Runner) -> None:
    assert results(run("--max-staleness", "P7D")) == {"one": "hit", "two": "hit"}
    until(lambda: reasons(run("--max-staleness", "PT0.001S")) == {"one": "stale", "two": "stale"})


def test_the_projects_file_goes_before_the_homes_and_an_option_before_both(run: Runner, tmp_path: Path) -> None:
    (run.home / "stepcache.toml").write_text('[defaults]\ncache = "off"\n')
    assert results(run()) == {"one": "off", "two": "off"}
    (tmp_path / "stepcache.toml").write_text('[components.two]\ncache = "on"\n')
    assert results(run()) == {"one": "off", "two": "hit"}
    other = tmp_path / "other.toml"
    other.write_text('[pipelines.pipeline]\ncache = "on"\n')
    assert results(run("--policy", str(other))) == {"one": "hit", "two": "hit"}
    assert results(run("--policy", str(other), "--no-cache")) == {"one": "off", "two": "off"}


def test_an_input_that_is_ignored_makes_no_difference(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "stepcache.toml").write_text('[components."one"]\nignore_inputs = ["seed"]\n')
    assert results(run("-p", "seed=5")) == {"one": "miss", "two": "hit"}  # another key than with the input
    assert results(run("-p", "seed=6")) == {"one": "hit", "two": "hit"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--policy", "nowhere.toml"), "there is no policy file nowhere.toml"),
        (("--max-staleness", "soon"), "'soon' is not a duration"),
        (("--wait-timeout", "soon"), "'soon' is not a duration"),
    ],
)
def test_what_means_nothing_is_refused(run: Runner, options: tuple[str, str], problem: str) -> None:
    ended = run(*options)
    assert ended.returncode == 2
    assert problem in ended.stderr


def test_a_task_that_waits_too_long_says_for_whom(tmp_path: Path) -> None:
    slow = write(
        tmp_path / "slow.yaml",
        Step(
            "slow",
            f"""
            def slow() -> str:
                import pathlib, time
                pathlib.Path("{tmp_path}/started").touch()
                while not pathlib.Path("{tmp_path}/gate").exists():
                    time.sleep(0.01)
                return "done"
            """,
            outputs={"Output": "STRING"},
        ),
    )
    first = start(tmp_path / "home", "run", slow, "--json")
    until((tmp_path / "started").exists)
    ended = call(tmp_path / "home", "run", slow, "--wait-timeout", "PT0.2S")
    assert ended.returncode == 1
    assert "waited 0.2 s for the result of another's execution: run " in ended.stderr
    (tmp_path / "gate").touch()
    assert first.wait(30) == 0
    first.communicate()
