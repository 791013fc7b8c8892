"""Whoever dies while an environment is made leaves nothing that is taken for one, and keeps nobody waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepcache import processes
from stepcache.executors.environments import trees
from tests.executors.environments.gates import open_when_waited_for
from tests.executors.environments.packages import source
from tests.executors.observing import until

_ROOT = Path(__file__).parents[3]
_KILLS = 8


@contextmanager
def _engine(home: Path, requirement: str, *options: str, last: int = 0) -> Iterator[subprocess.Popen[str]]:
    program = [sys.executable, "-m", "tests.executors.environments.asking_engine"]
    process = subprocess.Popen(
        [*program, str(home), str(last), requirement, *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _answer(process: subprocess.Popen[str]) -> tuple[Path, str, int]:
    """The packages' directory, the lock's digest and the number of changes."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    layer, digest, changes = output.splitlines()[-1].split()
    return Path(layer), digest, int(changes)


def _processes_of(home: Path) -> list[int]:
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            try:
                command = (directory / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(home) in command:
                found.append(int(directory.name))
    return found


def _remains(home: Path) -> list[Path]:
    return [path for name in ("layers", "requests", "locks") for path in home.glob(f"environments/{name}/.*")]


def _forget(home: Path, root: Path) -> None:
    """Have the next engine resolve and install again; what else is below the home stays."""
    trees.remove(root)
    for path in home.glob("environments/*/*.json"):
        path.unlink()


def test_an_engine_killed_at_any_moment_leaves_nothing_half_done(home: Path, links: Path) -> None:
    wanted = ("alpha", "--no-index", "--find-links", str(links))
    with _engine(home, *wanted) as process:
        layer, digest, changes = _answer(process)
    root = layer.parents[2]
    content = trees.content_digest(root / "lib")
    assert changes > _KILLS
    for number in range(_KILLS):
        _forget(home, root)
        with _engine(home, *wanted, last=1 + number * (changes - 1) // (_KILLS - 1)) as process:
            process.communicate(timeout=60)
            assert process.returncode == -signal.SIGKILL
        until(lambda: not _processes_of(home), 30)
        assert not root.exists() or trees.content_digest(root / "lib") == content
    with _engine(home, *wanted) as process:
        assert _answer(process)[:2] == (layer, digest)
    assert trees.content_digest(root / "lib") == content
    assert _remains(home) == []


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A named pipe that a build reads to its end before it goes on; its process id is in ``pids`` before that."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


@pytest.fixture
def gated(gate: Path) -> tuple[str, ...]:
    """A request whose installation waits at the gate."""
    waiting = f"""\
import os
with open({str(gate.with_name("pids"))!r}, "a") as file:
    print(os.getpid(), file=file)
open({str(gate)!r}).read()
"""
    return (str(source(gate.with_name("tree"), "gamma", waiting)), "--no-index")


def _building(gate: Path, number: int) -> processes.Process:
    """The process of the build that is the ``number``-th to come to the gate."""
    pids = gate.with_name("pids")
    until(lambda: pids.exists() and len(pids.read_text().split()) >= number, 30)
    process = processes.find(int(pids.read_text().split()[number - 1]))
    assert process is not None
    return process


def test_whoever_waits_goes_on_when_the_maker_is_killed(home: Path, gate: Path, gated: tuple[str, ...]) -> None:
    with _engine(home, *gated) as maker:
        build = _building(gate, 1)
        with _engine(home, *gated) as waiting:
            assert waiting.stdout
            maker.kill()
            maker.wait()
            until(lambda: processes.is_gone(build))
            _building(gate, 2)
            os.close(open_when_waited_for(gate))
            layer, _, _ = _answer(waiting)
    assert (layer / "gamma.py").exists()
    assert _remains(home) == []
    assert _processes_of(home) == []


def test_many_engines_make_it_once(home: Path, gate: Path, gated: tuple[str, ...]) -> None:
    with _engine(home, *gated) as one, _engine(home, *gated) as two, _engine(home, *gated) as three:
        _building(gate, 1)
        os.close(open_when_waited_for(gate))
        outputs = [process.communicate(timeout=60)[0] for process in (one, two, three)]
    lines = [line for output in outputs for line in output.splitlines()]
    assert [line.split()[0] for line in lines].count("resolving") == 1
    assert [line.split()[0] for line in lines].count("installing") == 1
    assert len({output.splitlines()[-1].split()[0] for output in outputs}) == 1
    assert len(gate.with_name("pids").read_text().split()) == 1
