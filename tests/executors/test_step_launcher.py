"""Steps with mounts of their own, and with an output in which secrets are masked: real processes throughout.

Where the machine gives steps no mounts (a container without the right to make user namespaces) the tests of mounts
are skipped, as a pipeline that needs them would be refused.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stepcache import processes
from stepcache.executors import step_launcher
from stepcache.executors.private_mounts import DirectoryMount, FilesMount, Mount, problems
from stepcache.executors.redaction import Redactor
from stepcache.executors.step import StepCommand, StepExit
from stepcache.executors.step_launcher import launch
from stepcache.executors.supervisor import Supervisor
from tests.executors.observing import PATH, log_of, named_in, processes_in, shell, until, until_async, written

NOTHING = Redactor(())
SECRET = Redactor([b"hunter22"])

NOBODY = 65534


def _somebody() -> int:
    """The unprivileged: whoever runs the tests, for root nobody, or root if Python is root's alone."""
    if os.geteuid() != 0:
        return os.geteuid()
    try:
        subprocess.run([sys.executable, "-I", "-S", "-c", ""], user=NOBODY, group=NOBODY, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return NOBODY


SOMEBODY = _somebody()
_PR_CAPBSET_DROP, _CAP_SYS_ADMIN = 24, 21

needs_mounts = pytest.mark.skipif(
    bool(step_launcher.obstacle()), reason=f"no mounts for steps here: {step_launcher.obstacle()}"
)


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    stage = tmp_path / "stage"
    stage.mkdir()
    return stage


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that other users reach too."""
    directory = Path(tempfile.mkdtemp(prefix="stepcache-test-"))
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)


async def _run(supervisor: Supervisor, command: StepCommand) -> StepExit:
    async with asyncio.timeout(30):
        return await (await supervisor.run(command)).wait()


def _started_by_somebody(command: StepCommand) -> subprocess.Popen[str]:
    """The command as a child of this process, without privileges."""
    other = SOMEBODY if os.geteuid() != SOMEBODY else None

    def give_up_the_right_to_mount() -> None:
        assert ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_SYS_ADMIN, 0, 0, 0) == 0

    return subprocess.Popen(
        command.argv,
        env=dict(command.environment),
        cwd=command.directory,
        user=other,
        group=other,
        extra_groups=None if other is None else [],
        preexec_fn=give_up_the_right_to_mount if not SOMEBODY else None,  # noqa: PLW1509 - no other thread runs
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _host(*paths: str) -> list[bool]:
    return [os.path.lexists(path) for path in paths]


def test_a_step_without_either_is_started_as_ever(directory: Path, stage: Path) -> None:
    command = shell(directory, "true")
    assert launch(command, [], NOTHING, stage) is command
    here = DirectoryMount(str(directory), str(directory))
    assert launch(command, [here], NOTHING, stage) is command


@needs_mounts
async def test_a_step_finds_directories_where_the_host_has_none(
    supervisor: Supervisor, directory: Path, stage: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    (data / "inner").mkdir(parents=True)
    (data / "old.txt").write_text("old\n")
    mounts: Sequence[Mount] = (
        DirectoryMount("/stepcache-test/deep/data", str(data)),
        DirectoryMount("/mnt/stepcache-test/data", str(data)),
        FilesMount("/stepcache-test/secret", {"user": b"me", "key.pem": b"\0\xff"}),
    )
    before = _host("/stepcache-test", "/mnt/stepcache-test")
    script = """
    cat /stepcache-test/deep/data/old.txt
    echo new > /mnt/stepcache-test/data/new.txt
    ls /stepcache-test/secret
    od -An -tx1 /stepcache-test/secret/key.pem
    pwd
    if touch /stepcache-test/secret/other 2>/dev/null; then echo writable; fi
    """
    assert (await _run(supervisor, launch(shell(directory, script), mounts, NOTHING, stage))).ok
    assert log_of(directory).split() == ["old", "key.pem", "user", "00", "ff", str(directory)]
    assert (data / "new.txt").read_text() == "new\n"
    assert _host("/stepcache-test", "/mnt/stepcache-test") == before == [False, False]
    assert list(stage.iterdir()) == []


@needs_mounts
async def test_everything_else_is_where_it_was(supervisor: Supervisor, directory: Path, stage: Path) -> None:
    look = 'cd /; for item in * .[!.]*; do if [ -e "$item" ]; then stat -Lc \'%n %f\' "$item"; fi; done'
    assert (await _run(supervisor, shell(directory, look))).ok
    usual = set(log_of(directory).splitlines())
    (directory.parent / "step.log").unlink()
    mounts = [FilesMount("/stepcache-test", {"a": b""})]
    assert (await _run(supervisor, launch(shell(directory, look), mounts, NOTHING, stage))).ok
    seen = {line for line in log_of(directory).splitlines() if not line.startswith("stepcache-test ")}
    assert seen == usual


@needs_mounts
async def test_a_path_that_is_there_is_shadowed_for_the_step_only(
    supervisor: Supervisor, directory: Path, stage: Path, tmp_path: Path
) -> None:
    taken, empty = tmp_path / "taken", tmp_path / "empty"
    taken.mkdir()
    empty.mkdir()
    (taken / "file").touch()
    mounts = [DirectoryMount(str(taken), str(empty), read_only=True)]
    script = f"ls {taken}; touch {taken}/x || echo refused"
    assert (await _run(supervisor, launch(shell(directory, script), mounts, NOTHING, stage))).ok
    assert log_of(directory).splitlines()[-1] == "refused"
    assert "file" not in log_of(directory).splitlines()
    assert (taken / "file").exists()
    assert not list(empty.iterdir())


@needs_mounts
async def test_mounts_within_mounts(supervisor: Supervisor, directory: Path, stage: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    mounts: list[Mount] = [
        FilesMount("/stepcache-test/outer/secret", {"key": b"value"}),
        DirectoryMount("/stepcache-test/outer", str(outer)),
    ]
    script = "cat /stepcache-test/outer/secret/key; echo kept > /stepcache-test/outer/file"
    assert (await _run(supervisor, launch(shell(directory, script), mounts, NOTHING, stage))).ok
    assert log_of(directory) == "value"
    assert (outer / "file").read_text() == "kept\n"
    assert list((outer / "secret").iterdir()) == []


@needs_mounts
async def test_what_cannot_be_mounted_is_said(
    supervisor: Supervisor, directory: Path, stage: Path, tmp_path: Path
) -> None:
    mounts = [DirectoryMount("/stepcache-test", str(tmp_path / "nowhere"))]
    ended = await _run(supervisor, launch(shell(directory, "true"), mounts, NOTHING, stage))
    assert ended == StepExit(125, None)
    assert log_of(directory) == (
        f"stepcache: cannot mount {tmp_path / 'nowhere'} at /stepcache-test: No such file or directory\n"
    )


@needs_mounts
def test_somebody_without_privileges_has_mounts_too(open_directory: Path) -> None:
    data = open_directory / "data"
    data.mkdir()
    data.chmod(0o777)
    script = "id -u; cat /stepcache-test/s/key; echo x > /stepcache-test/d/f; grep CapEff /proc/self/status"
    command = StepCommand(("sh", "-c", script), {"PATH": PATH}, open_directory, open_directory / "log")
    mounts: list[Mount] = [
        FilesMount("/stepcache-test/s", {"key": b"value\n"}),
        DirectoryMount("/stepcache-test/d", str(data)),
    ]
    with _started_by_somebody(launch(command, mounts, NOTHING, open_directory)) as process:
        output, errors = process.communicate(timeout=30)
    who, value, _, capabilities = output.split()
    assert (int(who), value) == (SOMEBODY, "value"), errors
    assert int(capabilities, 16) == 0 or SOMEBODY == 0
    assert (data / "f").stat().st_uid == SOMEBODY


def test_mounts_that_cannot_be_are_named() -> None:
    mounts = [
        FilesMount(target, {}) for target in ("relative", "/", "/proc", "/a/../b", "/twice", "/twice/", "/usr")
    ]
    assert problems(mounts, ["/usr/lib/python"]) == [
        "the mount path 'relative' is no absolute path",
        "nothing can be mounted at '/' on the host",
        "nothing can be mounted at '/proc' on the host",
        "the mount path '/a/../b' is no absolute path",
        "the mount path '/twice/' is used twice",
        "a mount at '/usr' would hide /usr/lib/python",
    ]


async def test_secrets_are_masked_before_they_reach_the_log(
    supervisor: Supervisor, directory: Path, stage: Path
) -> None:
    script = """
    echo "the password is $PASSWORD"
    printf hun; printf ter22; echo >&2 " in pieces"
    env | grep -c STEPCACHE || true
    """
    command = launch(shell(directory, script, PASSWORD="hunter22"), [], SECRET, stage)
    assert await _run(supervisor, command) == StepExit(0, None)
    assert log_of(directory) == "the password is ****\n**** in pieces\n0\n"
    assert not any("hunter22" in argument for argument in command.argv)


async def test_output_is_there_while_the_step_runs(supervisor: Supervisor, directory: Path, stage: Path) -> None:
    running = await supervisor.run(launch(shell(directory, "echo first; sleep 600"), [], SECRET, stage))
    await until_async(lambda: (directory.parent / "step.log").read_text() == "first\n")
    await running.stop(5)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 3", StepExit(3, None)),
        ("kill -SEGV $$", StepExit(None, signal.SIGSEGV)),
        ("kill -KILL $$", StepExit(None, signal.SIGKILL)),
        ("kill -PIPE $$", StepExit(None, signal.SIGPIPE)),
        ("exec >&- 2>&-; exit 4", StepExit(4, None)),
        ("sleep 600 & echo last", StepExit(0, None)),
    ],
)
async def test_a_masked_step_ends_as_it_would(
    supervisor: Supervisor, directory: Path, stage: Path, script: str, expected: StepExit
) -> None:
    command = launch(shell(directory, "ulimit -c 0; " + script), [], SECRET, stage)
    assert await _run(supervisor, command) == expected
    assert processes_in(directory) == []
    assert log_of(directory) == ("last\n" if "last" in script else "")


async def test_a_masked_step_loses_nothing_of_a_long_output(
    supervisor: Supervisor, directory: Path, stage: Path
) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo $i hunter22 $PADDING; i=$((i+1)); done"
    command = launch(shell(directory, script, PADDING="x" * 100), [], SECRET, stage)
    assert (await _run(supervisor, command)).ok
    assert log_of(directory).splitlines() == [f"{number} **** {'x' * 100}" for number in range(3000)]


async def test_a_masked_step_can_clean_up_when_it_is_stopped(
    supervisor: Supervisor, directory: Path, stage: Path
) -> None:
    script = "trap 'echo cleaning hunter22; exit 7' TERM; echo ready; while :; do sleep 0.01; done"
    running = await supervisor.run(launch(shell(directory, script), [], SECRET, stage))
    await until_async(lambda: "ready" in log_of(directory))
    await running.stop(20)
    assert await running.wait() == StepExit(7, None)
    assert log_of(directory).splitlines()[-1] == "cleaning ****"


async def test_a_masked_step_that_does_not_stop_is_killed(
    supervisor: Supervisor, directory: Path, stage: Path
) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.01; done"
    running = await supervisor.run(launch(shell(directory, script), [], SECRET, stage))
    await until_async(lambda: "ready" in log_of(directory))
    await running.stop(0.05)
    assert await running.wait() == StepExit(None, signal.SIGKILL)
    assert processes_in(directory) == []


async def test_a_program_that_cannot_be_started_is_said(
    supervisor: Supervisor, directory: Path, stage: Path
) -> None:
    command = StepCommand(("no-such-program",), {"PATH": PATH}, directory, directory.parent / "step.log")
    assert await _run(supervisor, launch(command, [], SECRET, stage)) == StepExit(127, None)
    assert log_of(directory) == "stepcache: cannot start 'no-such-program': No such file or directory\n"


@pytest.mark.parametrize("killed", ["launcher", "reaper"])
async def test_no_process_of_a_masked_step_outlives_the_one_above_it(
    supervisor: Supervisor, directory: Path, stage: Path, killed: str
) -> None:
    script = "echo $$ > step.pid; exec sleep 600"
    mounts = [] if step_launcher.obstacle() else [FilesMount("/stepcache-test", {"a": b"b"})]
    running = await supervisor.run(launch(shell(directory, script), mounts, SECRET, stage))
    await until_async(written(directory / "step.pid"))
    step = named_in(directory / "step.pid")
    assert step.pid != running.process.pid
    os.kill(running.process.pid if killed == "launcher" else running.reaper.pid, signal.SIGKILL)
    until(lambda: processes.is_gone(step))
    assert processes_in(directory) == []


@needs_mounts
def test_a_step_of_somebody_without_privileges_dies_with_its_launcher(open_directory: Path) -> None:
    script = "echo $$ > step.pid; exec sleep 600"
    command = StepCommand(("sh", "-c", script), {"PATH": PATH}, open_directory, open_directory / "log")
    launched = launch(command, [FilesMount("/stepcache-test", {"key": b"value"})], SECRET, open_directory)
    with _started_by_somebody(launched) as process:
        until(written(open_directory / "step.pid"))
        step = named_in(open_directory / "step.pid")
        process.kill()
    until(lambda: processes.is_gone(step))


async def test_a_secret_of_a_megabyte_travels(supervisor: Supervisor, directory: Path, stage: Path) -> None:
    if step_launcher.obstacle():
        pytest.skip("no mounts for steps here")
    big = b"0123456789abcdef" * 60_000
    mounts = [FilesMount("/stepcache-test", {"big": big})]
    command = launch(shell(directory, "wc -c < /stepcache-test/big"), mounts, NOTHING, stage)
    assert (await _run(supervisor, command)).ok
    assert log_of(directory).split() == [str(len(big))]
