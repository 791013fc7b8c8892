"""Steps die with their engine, and hear nothing of Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepcache import processes
from tests.executors.observing import named_in, processes_in, until, written

_ROOT = Path(__file__).parents[2]
_STEPS = {
    "ignores_term.sh": "trap '' TERM INT HUP; echo > ready1; while :; do sleep 0.01; done",
    "has_children.sh": "sleep 1000 & sh -c 'sleep 1000 & sleep 1000' & echo > ready2; wait",
    # Double-forked, in a session of its own, with an empty environment and no descriptor in common.
    "has_a_daemon.sh": "(env -i setsid sh -c 'echo $$ > ready3; exec sleep 1000' > /dev/null 2>&1 &); sleep 1000",
    "is_stopped.sh": "echo > ready4; kill -STOP $$",
    "ends_by_itself.sh": "(setsid sh -c 'trap \"\" TERM; echo $$ > ready5; sleep 1000' &); sleep 1000",
}


@contextmanager
def engine(directory: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.executors.dying_engine", str(directory), *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.parametrize("options", [(), ("--forked",)])
def test_nothing_is_left_when_the_engine_is_killed(directory: Path, options: tuple[str, ...]) -> None:
    for name, script in _STEPS.items():
        (directory / name).write_text(script)
    with engine(directory, *options) as process:
        known = [processes.find(pid) for pid in json.loads(_line(process))]
        until(written(*(directory / f"ready{number}" for number in range(1, 6))))
        known += [named_in(directory / "ready3"), named_in(directory / "ready5")]
        assert len(processes_in(directory)) >= 10
        process.kill()
        process.wait()
        took = until(lambda: all(one is None or processes.is_gone(one) for one in known), 1.0)
        assert not processes_in(directory)
    assert took < 0.5  # 0.05 s alone on two cores


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP])
def test_nothing_is_left_when_the_engine_dies_otherwise(directory: Path, signal_number: signal.Signals) -> None:
    (directory / "1.sh").write_text(_STEPS["ignores_term.sh"])
    with engine(directory) as process:
        known = [processes.find(pid) for pid in json.loads(_line(process))]
        until(written(directory / "ready1"))
        process.send_signal(signal_number)
        assert process.wait() == -signal_number
        until(lambda: all(one is None or processes.is_gone(one) for one in known), 1.0)
    assert not processes_in(directory)


def test_nothing_is_left_when_a_fork_of_the_engine_survives_it(directory: Path) -> None:
    # The fork holds the engine's end of the socket, so the socket does not end.
    (directory / "1.sh").write_text(_STEPS["ignores_term.sh"])
    with engine(directory, "--forks") as process:
        supervisor = processes.find(json.loads(_line(process))[0])
        until(written(directory / "ready1", directory / "fork"))
        assert supervisor is not None
        try:
            process.kill()
            until(lambda: processes.is_gone(supervisor), 1.0)
            assert not processes_in(directory)
        finally:
            os.kill(int((directory / "fork").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("options", [(), ("--forked",)])
def test_ctrl_c_reaches_the_engine_and_no_step(directory: Path, options: tuple[str, ...]) -> None:
    (directory / "1.sh").write_text("echo > ready; while [ ! -e go ]; do sleep 0.01; done; exit 5")
    with engine(directory, *options) as process:
        _line(process)
        until(written(directory / "ready"))
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        assert _line(process) == "interrupted"
        (directory / "go").touch()
        assert json.loads(_line(process)) == [5]
        assert process.wait() == 0
