from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from stepcache import processes
from stepcache.errors import InputError, StepcacheError
from stepcache.executors.step import StepCommand, StepExit
from stepcache.executors.supervisor import Supervisor
from tests.executors.observing import PATH, children, descriptors, log_of, shell, until_async, written


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("true", StepExit(0, None)),
        ("exit 3", StepExit(3, None)),
        ("exit 255", StepExit(255, None)),
        ("kill -SEGV $$", StepExit(None, signal.SIGSEGV)),
        ("kill -KILL $$", StepExit(None, signal.SIGKILL)),
        ("kill -RTMAX $$", StepExit(None, signal.SIGRTMAX)),
        ("exec >&- 2>&-; exit 4", StepExit(4, None)),
    ],
)
async def test_reports_how_a_step_ended(
    supervisor: Supervisor, directory: Path, script: str, expected: StepExit
) -> None:
    running = await supervisor.run(shell(directory, "ulimit -c 0; " + script))
    assert await running.wait() == expected
    assert await running.wait() == expected
    assert expected.ok is (expected.code == 0)


async def test_a_step_gets_exactly_what_the_command_says(supervisor: Supervisor, directory: Path) -> None:
    environment = {"PATH": PATH, "EMPTY": "", "TEXT": "zwei\nZeilen, ünïcode 🐍"}
    command = StepCommand(("env", "-0"), environment, directory, directory.parent / "step.log")
    assert (await (await supervisor.run(command)).wait()).ok
    assert dict(line.split("=", 1) for line in log_of(directory).split("\0") if line) == environment


async def test_a_step_starts_from_a_clean_state(directory: Path) -> None:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    umask = os.umask(0o077)
    inherited = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    try:
        supervisor = Supervisor()
        await supervisor.started()
    finally:
        os.close(inherited)
        os.umask(umask)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    log = directory.parent / "step.log"
    # Each program on its own: a shell would tidy up first.
    for argv in (
        ("pwd",),
        ("cat",),
        ("grep", "-E", "^(Umask|SigBlk|SigIgn)", "/proc/self/status"),
        ("ls", "/proc/self/fd"),
    ):
        step = await supervisor.run(StepCommand(argv, {"PATH": PATH}, directory, log))
        assert (await step.wait()).ok
    await supervisor.close()
    lines = log_of(directory).splitlines()
    assert lines[0] == str(directory)
    mode, blocked, ignored = (line.split()[1] for line in lines[1:4])
    assert (mode, int(blocked, 16)) == ("0022", 0)
    # Those that the C library keeps to itself nobody can set: they are as this process inherited them.
    assert [number for number in signal.valid_signals() if int(ignored, 16) >> (number - 1) & 1] == []
    assert lines[4:] == ["0", "1", "2", "3"]  # the last one is the listing's own


async def test_a_step_leads_a_session_and_its_reaper_holds_one_descriptor(
    supervisor: Supervisor, directory: Path
) -> None:
    running = [await supervisor.run(shell(directory, "sleep 1000")) for _ in range(3)]
    for step in running:
        assert os.getsid(step.process.pid) == os.getpgid(step.process.pid) == step.group == step.process.pid
        assert descriptors(step.reaper.pid) == 4  # 0 to 2, and the one it reports to


async def test_the_log_holds_both_outputs_in_order_behind_what_was_there(
    supervisor: Supervisor, directory: Path
) -> None:
    (directory.parent / "step.log").write_text("before\n")
    await (await supervisor.run(shell(directory, "echo 1; echo 2 >&2; echo 3; sh -c 'echo 4 >&2'; echo 5"))).wait()
    assert log_of(directory) == "before\n1\n2\n3\n4\n5\n"


async def test_a_step_may_print_a_hundred_megabytes(supervisor: Supervisor, directory: Path) -> None:
    running = await supervisor.run(shell(directory, "head -c 100000000 /dev/zero"))
    assert (await running.wait()).ok
    log = directory.parent / "step.log"
    assert log.stat().st_size == 100_000_000
    log.unlink()


async def test_twenty_steps_run_at_the_same_time(supervisor: Supervisor, directory: Path) -> None:
    # Each waits for all the others, so they end only if they run together; an argument is longer than a pipe holds.
    script = "echo > $0; while [ $(ls | wc -l) -lt 20 ]; do sleep 0.01; done; printf %s $1 | wc -c > $0"

    async def run(number: int) -> StepExit:
        argv = ("sh", "-c", script, f"file{number}", "x" * (100_000 + number))
        command = StepCommand(argv, {"PATH": PATH}, directory, directory.parent / "step.log")
        return await (await supervisor.run(command)).wait()

    exits = await asyncio.gather(*(run(number) for number in range(20)))
    assert all(step.ok for step in exits), log_of(directory)
    lengths = {int((directory / f"file{number}").read_text()) - number for number in range(20)}
    assert lengths == {100_000}


async def test_hundreds_of_steps_leave_no_zombie_and_no_descriptor(supervisor: Supervisor, directory: Path) -> None:
    command = StepCommand(("/bin/true",), {}, directory, directory.parent / "step.log")
    await (await supervisor.run(command)).wait()
    await until_async(lambda: not children(supervisor.process.pid))
    before = descriptors("self"), descriptors(supervisor.process.pid)
    for _ in range(300):
        assert (await (await supervisor.run(command)).wait()).ok
    await until_async(lambda: not children(supervisor.process.pid))
    assert (descriptors("self"), descriptors(supervisor.process.pid)) == before


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("no-such-program", "no such program"),
        ("./missing", "no such program"),
        ("./text", "not executable"),
        ("./garbage", "neither a program"),
        ("/", "not executable"),
    ],
)
async def test_a_command_that_cannot_be_started_is_named(
    supervisor: Supervisor, directory: Path, program: str, reason: str
) -> None:
    (directory / "text").write_text("hello")
    (directory / "garbage").write_text("hello")
    (directory / "garbage").chmod(0o755)
    command = StepCommand((program, "argument"), {"PATH": PATH}, directory, directory.parent / "step.log")
    with pytest.raises(InputError, match=reason) as caught:
        await supervisor.run(command)
    assert repr(program) in str(caught.value)
    await until_async(lambda: not children(supervisor.process.pid))


@pytest.mark.parametrize(
    ("argv", "environment", "reason"),
    [
        ((), {}, "empty"),
        (("",), {}, "empty"),
        (("true", "a\0b"), {}, "NUL"),
        (("true", "\ud800"), {}, "UTF-8"),
        (("true", "x" * 200_000), {}, "too long"),
        (("true",), {"A=B": ""}, "'A=B' is not the name"),
        (("true",), {"A": "\0"}, "variable 'A'"),
    ],
)
async def test_a_command_that_no_system_can_start_is_refused(
    supervisor: Supervisor, directory: Path, argv: tuple[str, ...], environment: dict[str, str], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        await supervisor.run(StepCommand(argv, {"PATH": PATH} | environment, directory, directory / "log"))


async def test_bytes_that_are_no_text_reach_the_step_unchanged(supervisor: Supervisor, directory: Path) -> None:
    word = os.fsdecode(b"\xff\xfe")
    await (await supervisor.run(shell(directory, 'printf "%s" "$WORD"', WORD=word))).wait()
    assert (directory.parent / "step.log").read_bytes() == b"\xff\xfe"


@pytest.mark.parametrize(("place", "name"), [("directory", "gone"), ("log", "gone/log")])
async def test_a_directory_or_log_that_cannot_be_opened_is_named(
    supervisor: Supervisor, directory: Path, place: str, name: str
) -> None:
    paths = {"directory": directory, "log": directory / "log"} | {place: directory / name}
    with pytest.raises(StepcacheError, match=f"{place} .*{name}: No such file") as caught:
        await supervisor.run(StepCommand(("true",), {"PATH": PATH}, paths["directory"], paths["log"]))
    assert not isinstance(caught.value, InputError)


async def test_cancelling_a_start_leaves_no_step(supervisor: Supervisor, directory: Path) -> None:
    for delay in (0, 0.001, 0.003):
        start = asyncio.create_task(supervisor.run(shell(directory, "sleep 1000")))
        await asyncio.sleep(delay)
        if start.cancel():
            with pytest.raises(asyncio.CancelledError):
                await start
        else:
            await start.result().stop(0)
        await until_async(lambda: not children(supervisor.process.pid))


async def test_closing_ends_what_runs_and_answers_who_waits(directory: Path) -> None:
    supervisor = Supervisor()
    await supervisor.started()
    running = await supervisor.run(shell(directory, "trap '' TERM; setsid sleep 1000 & echo > ready; wait"))
    waiting = asyncio.create_task(running.wait())
    await until_async(written(directory / "ready"))
    os.kill(running.reaper.pid, signal.SIGSTOP)
    await asyncio.gather(supervisor.close(), supervisor.close())
    assert await waiting == StepExit(None, signal.SIGKILL)
    assert processes.is_gone(supervisor.process)
    assert processes.is_gone(running.reaper)
    assert not processes.group_members(running.group)
    await supervisor.close()
    with pytest.raises(StepcacheError, match="closed"):
        await supervisor.run(shell(directory, "true"))


async def test_signals_from_a_terminal_do_not_end_the_supervisor(supervisor: Supervisor, directory: Path) -> None:
    running = await supervisor.run(shell(directory, "while [ ! -e go ]; do sleep 0.01; done"))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(supervisor.process.pid, number)
        os.kill(running.reaper.pid, number)
    assert os.getsid(supervisor.process.pid) != os.getsid(0)
    (directory / "go").touch()
    assert (await running.wait()).ok


async def test_nothing_is_started_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    supervisor = Supervisor()
    await supervisor.close()
    with pytest.raises(StepcacheError, match="was closed"):
        await supervisor.started()


async def test_a_supervisor_that_cannot_be_started_is_an_error(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    supervisor = Supervisor()
    for _ in range(2):
        with pytest.raises(StepcacheError, match="cannot be started: No such file"):
            await supervisor.run(shell(directory, "true"))
    await supervisor.close()


async def test_it_is_started_once_however_many_ask(directory: Path) -> None:
    supervisor = Supervisor()
    started = await asyncio.gather(*(supervisor.started() for _ in range(5)))
    assert set(started) == {supervisor.process}
    await supervisor.close()
    assert processes.is_gone(supervisor.process)
