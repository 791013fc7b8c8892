"""Workers come and go; steps that are forked from them end as all steps do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from stepcache import processes
from stepcache.errors import StepcacheError
from stepcache.executors.step import StepExit
from stepcache.executors.supervisor import Supervisor
from stepcache.processes import Process
from tests.executors.components import Component, is_forked, make_environment
from tests.executors.observing import (
    children,
    descriptors,
    named_in,
    processes_in,
    until_async,
    written,
)

_WAIT = "import os, time\nopen('ready', 'w').write('\\n')\nwhile not os.path.exists('../go'): time.sleep(0.005)"
_LEAVES = """
    import signal, subprocess, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    daemon = "(env -i setsid sh -c 'echo $$ > daemon; exec sleep 1000' > /dev/null 2>&1 &)"
    await_daemon = "; while [ ! -s daemon ]; do sleep 0.01; done"
    subprocess.run(["sh", "-c", daemon + "; sleep 1000 & echo $! > child" + await_daemon])
    open("ready", "w").write("\\n")
    time.sleep(1000)
"""


def _component(tmp_path: Path, source: str, name: str = "component", **options: str) -> Component:
    return Component.at(tmp_path / name, source, **options)


def workers(supervisor: Supervisor) -> list[Process]:
    """The workers of a supervisor; its reapers, which are their forks, have signals blocked."""
    found = []
    for pid in children(supervisor.process.pid):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            status = Path(f"/proc/{pid}/status").read_text()
            if b"\0worker\0" in command and "SigBlk:\t0000000000000000" in status:
                found.append(processes.find(pid))
    return [one for one in found if one is not None]


async def _is_forked_next(supervisor: Supervisor, tmp_path: Path) -> bool:
    component = _component(tmp_path, _WAIT, "next")
    running = await supervisor.run(component.command(forked=True))
    forked = is_forked(running)
    (component.place / "go").touch()
    assert component.ended(await running.wait()).how.ok
    return forked


async def test_a_killed_worker_is_replaced_and_its_steps_go_on(supervisor: Supervisor, tmp_path: Path) -> None:
    component = _component(tmp_path, _WAIT)
    running = await supervisor.run(component.command(forked=True))
    assert is_forked(running)
    worker = workers(supervisor)[0]
    os.kill(worker.pid, signal.SIGKILL)
    await until_async(lambda: worker.pid not in children(supervisor.process.pid))
    (component.place / "go").touch()
    assert (await running.wait()).ok
    assert await _is_forked_next(supervisor, tmp_path)
    assert len(workers(supervisor)) == 1


async def test_a_killed_reaper_takes_its_step_with_it_and_no_other(supervisor: Supervisor, tmp_path: Path) -> None:
    component, bystander = _component(tmp_path, _LEAVES), _component(tmp_path, _WAIT, "bystander")
    running = await supervisor.run(component.command(forked=True))
    other = await supervisor.run(bystander.command(forked=True))
    await until_async(written(component.directory / "ready"))
    left = [running.process, *(named_in(component.directory / name) for name in ("child", "daemon"))]
    os.kill(running.reaper.pid, signal.SIGKILL)
    with pytest.raises(StepcacheError, match="reaper"):
        await running.wait()
    assert all(processes.is_gone(process) for process in left)
    (bystander.place / "go").touch()
    assert (await other.wait()).ok
    assert await _is_forked_next(supervisor, tmp_path)


async def test_a_reaper_that_is_killed_between_two_steps_harms_none(supervisor: Supervisor, tmp_path: Path) -> None:
    component = _component(tmp_path, "return {}")
    for _ in range(5):
        running = await supervisor.run(component.command(forked=True))
        assert component.ended(await running.wait()).how.ok
        with contextlib.suppress(ProcessLookupError):  # a step that ran by exec, after a kill: its reaper ended too
            os.kill(running.reaper.pid, signal.SIGKILL)


async def test_an_order_for_a_former_step_is_none_for_the_next(supervisor: Supervisor, tmp_path: Path) -> None:
    component = _component(tmp_path, "return {}")
    running = await supervisor.run(component.command(forked=True))
    assert (await running.wait()).ok
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # as they arrive when a step ends by itself meanwhile
        os.kill(running.reaper.pid, number)
    following = await supervisor.run(component.command(forked=True))
    assert following.reaper == running.reaper
    assert (await following.wait()).ok


async def test_a_forked_step_is_terminated_and_killed_as_any_other(supervisor: Supervisor, tmp_path: Path) -> None:
    polite = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("bye"), sys.exit(7)))
        open("ready", "w").write("\\n")
        time.sleep(1000)
    """
    for source, grace, how in ((polite, 10, StepExit(7, None)), (_LEAVES, 0.05, StepExit(None, signal.SIGKILL))):
        component = _component(tmp_path, source)
        running = await supervisor.run(component.command(forked=True))
        await until_async(written(component.directory / "ready"))
        assert await running.stop(grace) == how
        assert not processes_in(component.directory)
    assert await _is_forked_next(supervisor, tmp_path)


async def test_a_forked_step_leaves_nothing_behind(supervisor: Supervisor, tmp_path: Path) -> None:
    component = _component(tmp_path, _LEAVES.replace("time.sleep(1000)", "return {}"))
    running = await supervisor.run(component.command(forked=True))
    assert (await running.wait()).ok
    assert not processes_in(component.directory)


async def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = Supervisor()
    await supervisor.started()
    component = _component(tmp_path, _LEAVES)
    running = await supervisor.run(component.command(forked=True))
    idle = await supervisor.run(_component(tmp_path, "return {}", "idle").command(forked=True))
    assert (await idle.wait()).ok
    await until_async(written(component.directory / "ready"))
    left = [running.process, running.reaper, idle.reaper, *workers(supervisor)]
    left += [named_in(component.directory / name) for name in ("child", "daemon")]
    os.kill(supervisor.process.pid, signal.SIGKILL)
    with pytest.raises(StepcacheError, match="the step supervisor died"):
        await running.wait()
    await until_async(lambda: all(processes.is_gone(process) for process in left), 1.0)
    await supervisor.close()


async def test_a_forked_step_dies_with_all_above_it_at_once(tmp_path: Path) -> None:
    supervisor = Supervisor()
    await supervisor.started()
    running = await supervisor.run(_component(tmp_path, _LEAVES).command(forked=True))
    above = [supervisor.process, running.reaper, *workers(supervisor)]
    os.kill(running.reaper.pid, signal.SIGSTOP)  # it must not do its work
    for process in above:
        os.kill(process.pid, signal.SIGKILL)
    await until_async(lambda: processes.is_gone(running.process), 1.0)
    await supervisor.close()


async def test_a_hundred_forked_steps_leave_no_zombie_and_no_descriptor(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    component = _component(tmp_path, "import os; os._exit(0)")

    async def run() -> Process:
        running = await supervisor.run(component.command(forked=True))
        assert (await running.wait()).ok
        return running.reaper

    reaper = await run()
    here, there = descriptors("self"), descriptors(supervisor.process.pid)
    for _ in range(100):
        assert await run() == reaper
    assert (descriptors("self"), descriptors(supervisor.process.pid)) == (here, there)
    assert descriptors(reaper.pid) == 4  # 0 to 2, and the one it reports to
    assert len(children(supervisor.process.pid)) == 2  # the worker and the reaper
    assert not children(reaper.pid)


@pytest.mark.parametrize(("place", "name"), [("directory", "gone"), ("log", "gone/log")])
async def test_a_directory_or_log_that_cannot_be_opened_is_named(
    supervisor: Supervisor, tmp_path: Path, place: str, name: str
) -> None:
    component = _component(tmp_path, "return {}")
    command = component.command(forked=True)
    paths = {"directory": command.directory, "log": command.log} | {place: component.place / name}
    with pytest.raises(StepcacheError, match=f"{place} .*{name}: No such file"):
        await supervisor.run(replace(command, directory=paths["directory"], log=paths["log"]))
    assert await _is_forked_next(supervisor, tmp_path)


_UNFIT = {
    "cannot import kfp": "",
    "has another thread": """
        import threading, time
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    """,
    "has a thread that Python does not know": """
        import ctypes
        library = ctypes.CDLL(None)
        library.pthread_create(ctypes.byref(ctypes.c_ulong()), None, library.pause, None)
    """,
    "gets a thread by a fork": """
        import os, threading, time
        thread = lambda: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        os.register_at_fork(after_in_child=thread)
    """,
    "is killed at its start": """
        import os, sys
        if "worker" in sys.orig_argv: os.kill(os.getpid(), 9)
    """,
    "ends at its start": """
        import os, sys
        if "worker" in sys.orig_argv: os._exit(0)
    """,
}


@pytest.mark.parametrize("name", _UNFIT)
async def test_a_worker_that_must_not_be_forked_has_its_steps_started(
    supervisor: Supervisor, tmp_path: Path, name: str
) -> None:
    has_kfp = name != "cannot import kfp"
    python = make_environment(tmp_path / "environment", kfp=has_kfp, sitecustomize=_UNFIT[name])
    component = _component(tmp_path, _WAIT, interpreter=python)
    for _ in range(2):
        running = await supervisor.run(component.command(forked=True))
        assert not has_kfp or not is_forked(running)  # without kfp it ends before one can look
        (component.place / "go").touch()
        ended = component.ended(await running.wait())
        assert ended.how == StepExit(0 if has_kfp else 1, None), ended.log
        assert ("No module named 'kfp'" in ended.log) is not has_kfp
    assert not workers(supervisor)


async def test_an_interpreter_that_is_not_there_is_named(supervisor: Supervisor, tmp_path: Path) -> None:
    component = _component(tmp_path, "return {}", interpreter="/nowhere/python")
    for _ in range(2):
        with pytest.raises(StepcacheError, match=r"cannot start '/nowhere/python': no such program"):
            await supervisor.run(component.command(forked=True))


_SLOW = "import sys, time\nif 'worker' in sys.orig_argv: open({!r}, 'w').write('\\n'), time.sleep(1000)"


async def test_a_step_that_waits_for_its_worker_can_be_cancelled(supervisor: Supervisor, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment", sitecustomize=_SLOW.format(str(tmp_path / "begun")))
    component = _component(tmp_path, "return {}", interpreter=python)
    start = asyncio.create_task(supervisor.run(component.command(forked=True)))
    await until_async(written(tmp_path / "begun"))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not component.log.exists()
    assert len(workers(supervisor)) == 1  # it goes on to start, for the next step


async def test_closing_does_not_wait_for_a_worker(tmp_path: Path) -> None:
    supervisor = Supervisor()
    await supervisor.started()
    python = make_environment(tmp_path / "environment", sitecustomize=_SLOW.format(str(tmp_path / "begun")))
    start = asyncio.create_task(
        supervisor.run(_component(tmp_path, "return {}", interpreter=python).command(forked=True))
    )
    await until_async(written(tmp_path / "begun"))
    (worker,) = children(supervisor.process.pid)
    os.kill(worker, signal.SIGSTOP)
    async with asyncio.timeout(5):
        await supervisor.close()
    with pytest.raises(StepcacheError, match="closed"):
        await start
    assert processes.find(worker) is None


async def test_a_worker_that_was_killed_while_steps_wait_has_them_started(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    first = _component(tmp_path, _WAIT)
    running = await supervisor.run(first.command(forked=True))
    worker = workers(supervisor)[0]
    os.kill(worker.pid, signal.SIGSTOP)
    waiting = [_component(tmp_path, _WAIT, f"waiting{number}") for number in range(3)]
    starts = [asyncio.create_task(supervisor.run(one.command(forked=True))) for one in waiting]
    done, _ = await asyncio.wait(starts, timeout=0.05)
    assert not done
    os.kill(worker.pid, signal.SIGKILL)
    steps = await asyncio.gather(*starts)
    assert not any(map(is_forked, steps))
    for component in (first, *waiting):
        (component.place / "go").touch()
    assert all([(await step.wait()).ok for step in (running, *steps)])
    assert await _is_forked_next(supervisor, tmp_path)


async def test_a_step_that_is_started_by_another_program_needs_no_worker(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    component = _component(tmp_path, "return {}")
    command = component.command(forked=True)
    running = await supervisor.run(replace(command, argv=("env", "A=1", *command.argv)))
    assert component.ended(await running.wait()).how.ok
    assert not workers(supervisor)
