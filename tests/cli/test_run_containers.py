"""``stepcache run --executor container``: by podman where it runs, and by the stand-in for docker everywhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepcache.container_engine import OWNER_LABEL
from tests.cli.running import call, document, results, start, until
from tests.executors.containers import worlds
from tests.executors.containers.worlds import World


@pytest.fixture(scope="session")
def podman() -> Iterator[World]:
    with worlds.podman() as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "docker").mkdir()
    with worlds.stand_in(tmp_path / "docker") as found:
        yield found


@pytest.fixture(params=["docker", "podman"])
def world(request: pytest.FixtureRequest) -> World:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, World)
    return found


MADE = "{{$.outputs.artifacts['made'].path}}"
_ENVIRONMENT = [{"name": "MADE", "value": "hand"}]


def _container(script: str, *arguments: str) -> dict[str, Any]:
    return {
        "container": {
            "image": worlds.PLAIN,
            "command": ["sh", "-ec", script],
            "args": list(arguments),
            "env": _ENVIRONMENT,
        }
    }


def _write(path: Path, *, second: str = 'cat "$0" > "$1"') -> Path:
    """One step writes a file, the other reads it."""
    artifact = {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}
    cached = {"enableCache": True}
    path.write_text(
        json.dumps(
            {
                "pipelineInfo": {"name": "contained"},
                "schemaVersion": "2.1.0",
                "components": {
                    "comp-make": {"executorLabel": "make", "outputDefinitions": {"artifacts": {"made": artifact}}},
                    "comp-read": {
                        "executorLabel": "read",
                        "inputDefinitions": {"artifacts": {"given": artifact}},
                        "outputDefinitions": {"parameters": {"text": {"parameterType": "STRING"}}},
                    },
                },
                "deploymentSpec": {
                    "executors": {
                        "make": _container(
                            'echo -n "made by $MADE" > "$0"', "{{$.outputs.artifacts['made'].path}}"
                        ),
                        "read": _container(
                            second,
                            "{{$.inputs.artifacts['given'].path}}",
                            "{{$.outputs.parameters['text'].output_file}}",
                        ),
                    }
                },
                "root": {
                    "dag": {
                        "tasks": {
                            "make": {"componentRef": {"name": "comp-make"}, "cachingOptions": cached},
                            "read": {
                                "componentRef": {"name": "comp-read"},
                                "cachingOptions": cached,
                                "dependentTasks": ["make"],
                                "inputs": {
                                    "artifacts": {
                                        "given": {
                                            "taskOutputArtifact": {
                                                "producerTask": "make",
                                                "outputArtifactKey": "made",
                                            }
                                        }
                                    }
                                },
                            },
                        },
                        "outputs": {
                            "parameters": {
                                "text": {
                                    "valueFromParameter": {"producerSubtask": "read", "outputParameterKey": "text"}
                                }
                            }
                        },
                    },
                    "outputDefinitions": {"parameters": {"text": {"parameterType": "STRING"}}},
                },
            }
        )
    )
    return path


def _run(world: World, home: Path, pipeline: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return call(
        home, "run", pipeline, "--json", "--executor", "container", *options, environment=dict(world.environment)
    )


def test_steps_run_in_their_images_and_are_reused(world: World, tmp_path: Path) -> None:
    pipeline = _write(tmp_path / "pipeline.json")
    first = _run(world, tmp_path / "home", pipeline)
    assert first.returncode == 0, first.stderr
    assert document(first)["outputs"] == {"text": "made by hand"}
    assert results(_run(world, tmp_path / "home", pipeline)) == {"make": "hit", "read": "hit"}


def test_a_plan_looks_at_images_and_pulls_none(world: World, tmp_path: Path) -> None:
    pipeline, home = _write(tmp_path / "pipeline.json"), tmp_path / "home"

    def planned() -> dict[str, tuple[str, str | None]]:
        ended = call(
            home, "plan", pipeline, "--json", "--executor", "container", environment=dict(world.environment)
        )
        assert ended.returncode == 0, ended.stderr
        return {task["name"]: (task["result"], task["reason"]) for task in json.loads(ended.stdout)["tasks"]}

    assert planned() == {"make": ("miss", "first_seen"), "read": ("unknown", "inputs")}
    assert not home.exists()
    assert _run(world, home, pipeline).returncode == 0
    assert planned() == {"make": ("hit", None), "read": ("hit", None)}
    pipeline.write_text(pipeline.read_text().replace(worlds.PLAIN, "registry.invalid/not-here:1", 1))
    assert planned() == {"make": ("unknown", "image"), "read": ("unknown", "inputs")}


def test_a_nested_pipeline_is_reused_as_a_whole(world: World, tmp_path: Path) -> None:
    pipeline = _write(tmp_path / "pipeline.json")
    spec = json.loads(pipeline.read_text())
    spec["components"]["comp-inner"] = spec["root"]
    output = {"valueFromParameter": {"producerSubtask": "inner", "outputParameterKey": "text"}}
    spec["root"] = {
        "dag": {
            "tasks": {"inner": {"componentRef": {"name": "comp-inner"}}},
            "outputs": {"parameters": {"text": output}},
        },
        "outputDefinitions": {"parameters": {"text": {"parameterType": "STRING"}}},
    }
    pipeline.write_text(json.dumps(spec))
    home = tmp_path / "home"
    assert results(_run(world, home, pipeline)) == {"inner": "none", "inner/make": "miss", "inner/read": "miss"}
    again = _run(world, home, pipeline)
    assert results(again) == {"inner": "hit", "inner/make": "hit", "inner/read": "hit"}
    assert document(again)["outputs"] == {"text": "made by hand"}


def test_a_failure_shows_the_log_of_the_container(world: World, tmp_path: Path) -> None:
    pipeline = _write(tmp_path / "pipeline.json", second='cat "$0"; exit 7')
    ended = _run(world, tmp_path / "home", pipeline)
    assert ended.returncode == 1
    assert "exit code 7" in ended.stderr
    assert "made by hand" in ended.stderr


def test_a_container_that_takes_too_long_is_stopped_and_fails(world: World, tmp_path: Path) -> None:
    second = "trap 'echo told to end; exit 0' TERM; while true; do sleep 0.1; done"
    pipeline = _write(tmp_path / "pipeline.json", second=second)
    platform = {
        "platforms": {"kubernetes": {"deploymentSpec": {"executors": {"read": {"activeDeadlineSeconds": 2}}}}}
    }
    pipeline.write_text(f"{pipeline.read_text()}\n---\n{json.dumps(platform)}")
    ended = _run(world, tmp_path / "home", pipeline)
    assert ended.returncode == 1
    assert "the step took longer than 2 s, the time that the pipeline gives it, and was stopped" in ended.stderr
    assert "told to end" in ended.stderr  # the log's end
    assert "ignored" not in ended.stderr
    assert world.cli("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={OWNER_LABEL}").split() == []
    again = _run(world, tmp_path / "home", _write(tmp_path / "pipeline.json"))
    assert results(again) == {"make": "hit", "read": "miss"}, again.stderr


def test_a_killed_engine_leaves_no_container_and_holds_nobody_up(world: World, tmp_path: Path) -> None:
    signal = tmp_path / "home" / "artifacts" / "scratch"
    waiting = 'touch "$(dirname "$1")/waiting"; while true; do sleep 0.1; done'
    pipeline = _write(tmp_path / "pipeline.json", second=waiting)
    victim = start(
        tmp_path / "home", "run", pipeline, "--executor", "container", environment=dict(world.environment)
    )
    until(lambda: list(signal.glob("*/outputs/parameters/waiting")) != [])
    victim.kill()
    victim.communicate()
    until(
        lambda: world.cli("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={OWNER_LABEL}").split() == []
    )
    again = _run(world, tmp_path / "home", _write(tmp_path / "pipeline.json"))
    assert results(again) == {"make": "hit", "read": "miss"}, again.stderr


def test_without_an_engine_that_answers_nothing_runs(tmp_path: Path) -> None:
    ended = call(
        tmp_path / "home",
        "run",
        _write(tmp_path / "pipeline.json"),
        "--executor",
        "container",
        environment={"PATH": str(tmp_path)},
    )
    assert ended.returncode == 2
    assert "no container engine can be used" in ended.stderr
    assert "Traceback" not in ended.stderr
