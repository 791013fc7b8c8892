"""What "every process of a step" means: none of them outlives the answer of ``wait`` or ``stop``."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from stepcache import processes
from stepcache.errors import StepcacheError
from stepcache.executors.step import StepExit
from stepcache.executors.supervisor import Supervisor
from tests.executors.observing import log_of, named_in, processes_in, shell, until_async, written

# A daemon: a session of its own, none of the step's variables, and not a child of the step any more.
_DAEMON = "(env -i setsid sh -c 'echo $$ > daemon; exec sleep 1000' > /dev/null 2>&1 &)"
_AWAIT_DAEMON = "; while [ ! -s daemon ]; do sleep 0.01; done"


async def test_what_a_step_leaves_behind_is_killed_before_wait_answers(
    supervisor: Supervisor, directory: Path
) -> None:
    script = (
        "sleep 1000 & echo $! > child" + f"; {_DAEMON}" + _AWAIT_DAEMON + "; while [ ! -e go ]; do sleep 0.01; done"
    )
    running = await supervisor.run(shell(directory, script))
    bystander = await supervisor.run(shell(directory, "while [ ! -e end ]; do sleep 0.01; done"))
    await until_async(written(directory / "child", directory / "daemon"))
    left = [named_in(directory / "child"), named_in(directory / "daemon")]
    (directory / "go").touch()
    assert (await running.wait()).ok
    assert all(processes.is_gone(process) for process in left)
    assert not processes.is_gone(bystander.process)
    (directory / "end").touch()
    assert (await bystander.wait()).ok


async def test_processes_that_go_on_forking_are_killed(supervisor: Supervisor, directory: Path) -> None:
    # A chain that is always on the move: each link starts the next one in a new session, and ends.
    (directory / "link").write_text("echo >> links; setsid sh ./link & exit\n")
    script = "setsid sh ./link & while [ $(wc -l < links) -lt 10 ]; do :; done"
    running = await supervisor.run(shell(directory, "echo > links; " + script))
    assert (await running.wait()).ok
    assert not processes_in(directory)


async def test_stop_is_heard_by_a_step_that_cleans_up(supervisor: Supervisor, directory: Path) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo > ready; while :; do sleep 0.01; done"
    running = await supervisor.run(shell(directory, script))
    await until_async(written(directory / "ready"))
    assert await running.stop(grace=10) == StepExit(7, None)
    assert log_of(directory).endswith("bye\n")  # the shell also says that its `sleep` was terminated
    assert await running.stop(grace=10) == StepExit(7, None)


async def test_stop_kills_a_step_that_ignores_term(supervisor: Supervisor, directory: Path) -> None:
    script = f"trap '' TERM; {_DAEMON}" + _AWAIT_DAEMON + "; echo > ready; while :; do sleep 0.01; done"
    running = await supervisor.run(shell(directory, script))
    await until_async(written(directory / "ready"))
    daemon = named_in(directory / "daemon")
    assert await running.stop(grace=0.05) == StepExit(None, signal.SIGKILL)
    assert processes.is_gone(daemon)
    assert not processes.group_members(running.group)


async def test_the_grace_period_is_for_the_whole_group(supervisor: Supervisor, directory: Path) -> None:
    # The shell dies of TERM at once; what it started needs a moment to save its work.
    worker = "trap 'sleep 0.1; echo > saved; exit' TERM; echo > ready; while :; do sleep 0.01; done"
    running = await supervisor.run(shell(directory, f'sh -c "{worker}" & wait'))
    await until_async(written(directory / "ready"))
    assert await running.stop(grace=10) == StepExit(None, signal.SIGTERM)
    assert (directory / "saved").exists()


async def test_a_step_that_stopped_itself_is_killed(supervisor: Supervisor, directory: Path) -> None:
    running = await supervisor.run(shell(directory, "echo > ready; kill -STOP $$"))
    await until_async(written(directory / "ready"))
    assert await running.stop(grace=0.05) == StepExit(None, signal.SIGKILL)


async def test_cancelling_stop_kills_at_once_and_cancelling_wait_does_nothing(
    supervisor: Supervisor, directory: Path
) -> None:
    running = await supervisor.run(shell(directory, "trap '' TERM; echo > ready; while :; do sleep 0.01; done"))
    await until_async(written(directory / "ready"))
    for task in (asyncio.create_task(running.wait()), asyncio.create_task(running.stop(grace=1000))):
        assert not processes.is_gone(running.process)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await running.wait() == StepExit(None, signal.SIGKILL)


async def test_a_killed_supervisor_takes_its_steps_with_it(directory: Path) -> None:
    supervisor = Supervisor()
    await supervisor.started()
    script = f"trap '' TERM; {_DAEMON}; sleep 1000 & echo $! > child{_AWAIT_DAEMON}; echo > ready; wait"
    running = await supervisor.run(shell(directory, script))
    await until_async(written(directory / "ready"))
    left = [running.process, running.reaper, named_in(directory / "child"), named_in(directory / "daemon")]
    os.kill(supervisor.process.pid, signal.SIGKILL)
    with pytest.raises(StepcacheError, match="the step supervisor died"):
        await running.wait()
    assert all(processes.is_gone(process) for process in left)
    with pytest.raises(StepcacheError, match="the step supervisor died"):
        await supervisor.run(shell(directory, "true"))
    with pytest.raises(StepcacheError, match="the step supervisor died"):
        await running.stop(grace=1)
    await supervisor.close()


async def test_a_killed_reaper_takes_its_step_with_it_and_no_other(supervisor: Supervisor, directory: Path) -> None:
    script = f"{_DAEMON}; sleep 1000 & echo $! > child{_AWAIT_DAEMON}; echo > ready; wait"
    running = await supervisor.run(shell(directory, script))
    bystander = await supervisor.run(shell(directory, "while [ ! -e end ]; do sleep 0.01; done"))
    await until_async(written(directory / "ready"))
    left = [running.process, named_in(directory / "child"), named_in(directory / "daemon")]
    os.kill(running.reaper.pid, signal.SIGKILL)
    with pytest.raises(StepcacheError, match="reaper"):
        await running.wait()
    assert all(processes.is_gone(process) for process in left)
    (directory / "end").touch()
    assert (await bystander.wait()).ok


async def test_a_step_dies_with_supervisor_and_reaper_at_once(directory: Path) -> None:
    supervisor = Supervisor()
    await supervisor.started()
    running = await supervisor.run(shell(directory, "trap '' TERM; while :; do sleep 0.01; done"))
    os.kill(running.reaper.pid, signal.SIGSTOP)  # it must not do its work
    for process in (supervisor.process, running.reaper):
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(StepcacheError, match="the step supervisor died"):
        await running.wait()
    await until_async(lambda: processes.is_gone(running.process), 1.0)
    await supervisor.close()
