"""How a step ended, from what its client and its container say; a lost exit code is no success."""

from __future__ import annotations

import itertools

import pytest

from stepcache.executors.containers.state import State, judge
from stepcache.executors.step import StepExit

STATUSES = ("created", "running", "paused", "exited", "stopped", "dead", "removing", "unknown", "")
CLIENTS = (StepExit(0, None), StepExit(1, None), StepExit(125, None), StepExit(137, None), StepExit(None, 9))


@pytest.mark.parametrize(("status", "client", "code"), tuple(itertools.product(STATUSES, CLIENTS, (0, 1, 137))))
def test_only_two_zeros_are_a_success(status: str, client: StepExit, code: int) -> None:
    ended = judge(client, State(status, code, out_of_memory=False, error=""), "docker")
    assert ended.ok is (client.code == 0 and code == 0 and status in ("exited", "stopped", "dead"))
    assert ended.signal is None
    assert ended.describe()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_container_that_is_not_there_is_no_success(client: StepExit) -> None:
    assert not judge(client, None, "docker").ok


@pytest.mark.parametrize(
    ("client", "state", "code", "words"),
    [
        (StepExit(3, None), State("exited", 3, False, ""), 3, "ended with exit code 3"),
        (
            StepExit(143, None),
            State("exited", 143, False, ""),
            143,
            "ended with exit code 143, which stands for SIGTERM",
        ),
        (
            StepExit(192, None),
            State("exited", 192, False, ""),
            192,
            "ended with exit code 192, which stands for SIGRTMAX",
        ),
        (StepExit(255, None), State("exited", 255, False, ""), 255, "ended with exit code 255"),
        (
            StepExit(137, None),
            State("exited", 137, True, ""),
            137,
            "ended with exit code 137: it ran out of the memory that its container may use",
        ),
        (
            StepExit(127, None),
            State("created", 127, False, 'exec: "x": not found'),
            127,
            'was not started: its command is not in the image (exec: "x": not found)',
        ),
        (
            StepExit(126, None),
            State("created", 0, False, ""),
            126,
            "was not started: its command cannot be executed in the image (see the log)",
        ),
        (StepExit(125, None), None, 125, "was not started: docker did not make its container (see the log)"),
        (StepExit(0, None), None, None, "lost its container, so how it ended is not known"),
        (
            StepExit(0, None),
            State("running", 0, False, ""),
            None,
            "was still running when its 'docker run' ended with exit code 0, so how it ended is not known",
        ),
        (
            StepExit(None, 9),
            State("exited", 0, False, ""),
            None,
            "had its 'docker run' end early (was ended by SIGKILL), so how it ended is not known",
        ),
        (StepExit(None, 9), State("exited", 4, False, ""), 4, "ended with exit code 4"),
    ],
)
def test_words_for_people(client: StepExit, state: State | None, code: int | None, words: str) -> None:
    ended = judge(client, state, "docker")
    assert (ended.code, ended.signal, ended.describe()) == (code, None, words)


def test_reads_what_docker_and_podman_say() -> None:
    docker = {"Status": "exited", "Running": False, "OOMKilled": True, "ExitCode": 137, "Error": ""}
    podman = {"Status": "stopped", "Running": False, "OOMKilled": False, "ExitCode": 0, "Error": "", "Pid": 0}
    assert State.read(docker) == State("exited", 137, out_of_memory=True, error="")
    assert State.read(podman) == State("stopped", 0, out_of_memory=False, error="")
    with pytest.raises(KeyError):
        State.read({"Status": "exited"})
