"""A dead holder on this machine is replaced at once; what it was executing is ended first."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stepcache import processes
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache import recovery
from stepcache.cache.cache import Cache, Holding
from stepcache.cache.holder import Holder, StepProcess
from stepcache.cache.ticket import Ticket
from stepcache.processes import Host, Process
from stepcache.stores.contract import Store
from tests.cache.caches import a_key, ask, until

KEY = a_key()
SLEEP = "import time; time.sleep(1000)"


class Processes:
    """Processes that a test starts, each the leader of a group of its own; all are gone at its end."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, code: str = SLEEP) -> Process:
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        self._started.append(child)
        found = processes.find(child.pid)
        assert found is not None
        return found

    def end(self, process: Process) -> None:
        """Kill it; it stays a zombie until the test ends."""
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    def close(self) -> None:
        for child in self._started:
            child.kill()
            child.wait()


@pytest.fixture
def started() -> Iterator[Processes]:
    all_of_them = Processes()
    yield all_of_them
    all_of_them.close()


async def held_by(store: Store, holder: Holder, *, lease: float = 60.0, key: str = KEY) -> None:
    """Let ``holder`` have the key."""
    await store.claim(key, "a" * 32, holder=holder.format(), lease=lease)


def holder_of(process: Process) -> Holder:
    return replace(Holder.this_process(), process=process)


async def test_a_dead_holder_is_replaced_within_a_second(cache: Cache, store: Store, started: Processes) -> None:
    taken = []
    for attempt in range(3):  # one of them, on a machine that is busy otherwise
        holder, key = started.start(), a_key(attempt)
        await held_by(store, holder_of(holder), key=key)
        waiting = asyncio.create_task(ask(cache, Ticket(key)))
        await until(lambda: cache._waiting._queues)
        started.end(holder)
        died = time.monotonic()
        async with asyncio.timeout(30):
            assert isinstance(await waiting, Holding)
        taken.append(time.monotonic() - died)
        if taken[-1] < 1:
            return
    raise AssertionError(taken)


async def test_a_stopped_holder_is_not_dead(
    store: Store, artifacts: LocalArtifactStore, started: Processes
) -> None:
    holder = started.start()
    os.kill(holder.pid, signal.SIGSTOP)
    await held_by(store, holder_of(holder), lease=1.0)
    began = time.monotonic()
    async with Cache(store, artifacts) as cache, asyncio.timeout(30):
        assert isinstance(await ask(cache, Ticket(KEY)), Holding)
    assert time.monotonic() - began > 0.9  # when its lease had run out, not before


@pytest.mark.parametrize("what", ["another machine", "another pid namespace", "no shortcut"])
async def test_what_cannot_be_seen_from_here_is_waited_for(
    store: Store, artifacts: LocalArtifactStore, started: Processes, what: str
) -> None:
    process = started.start()
    started.end(process)
    holder = holder_of(process)
    host = holder.host
    assert host is not None
    if what == "another machine":
        holder = replace(holder, host=Host("another boot", host.pid_namespace))
    elif what == "another pid namespace":
        holder = replace(holder, host=Host(host.boot_id, 1))
    await held_by(store, holder, lease=0.6)
    began = time.monotonic()
    async with Cache(store, artifacts, same_host=what != "no shortcut") as cache, asyncio.timeout(30):
        assert isinstance(await ask(cache, Ticket(KEY)), Holding)
    assert time.monotonic() - began > 0.5


async def test_a_holder_that_names_nobody_is_waited_for(cache: Cache, store: Store) -> None:
    await store.claim(KEY, "a" * 32, holder="of another program", lease=0.6)
    began = time.monotonic()
    async with asyncio.timeout(30):
        assert isinstance(await ask(cache, Ticket(KEY)), Holding)
    assert time.monotonic() - began > 0.5


async def test_the_step_of_a_dead_holder_is_ended_before_its_claim_is_taken(
    cache: Cache, store: Store, started: Processes, tmp_path: Path
) -> None:
    holder, step = started.start(), started.start(_with_child(tmp_path / "child"))
    await until((tmp_path / "child").exists)
    child = processes.find(int((tmp_path / "child").read_text()))
    assert child is not None
    await held_by(store, holder_of(holder).with_step(StepProcess(None, step, step.pid)))
    started.end(holder)
    async with asyncio.timeout(30):
        assert isinstance(await ask(cache, Ticket(KEY)), Holding)
    assert processes.is_gone(step)
    assert processes.is_gone(child)  # the whole group


def _with_child(said: Path) -> str:
    return (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        f"open({str(said)!r} + '.part', 'w').write(str(child.pid))\n"
        f"os.rename({str(said)!r} + '.part', {str(said)!r})\n"
        "time.sleep(1000)"
    )


async def test_a_supervisor_gets_time_to_end_the_step_by_itself(
    cache: Cache, store: Store, started: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "SUPERVISOR_PATIENCE", 60.0)
    holder, step, supervisor = started.start(), started.start(), started.start()
    await held_by(store, holder_of(holder).with_step(StepProcess(supervisor, step, step.pid)))
    started.end(holder)
    waiting = asyncio.create_task(ask(cache, Ticket(KEY)))
    await until(lambda: cache._waiting._recoveries)
    assert not processes.is_gone(step)
    started.end(step)
    started.end(supervisor)
    async with asyncio.timeout(30):
        assert isinstance(await waiting, Holding)


async def test_a_supervisor_that_hangs_is_killed_and_the_step_with_it(
    cache: Cache, store: Store, started: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "SUPERVISOR_PATIENCE", 0.1)
    monkeypatch.setattr(recovery, "REAPER_PATIENCE", 0.1)
    holder, step, supervisor, reaper = (started.start() for _ in range(4))
    await held_by(store, holder_of(holder).with_step(StepProcess(supervisor, step, step.pid, reaper)))
    started.end(holder)
    async with asyncio.timeout(30):
        assert isinstance(await ask(cache, Ticket(KEY)), Holding)
    assert [processes.is_gone(process) for process in (step, supervisor, reaper)] == [True] * 3


async def test_a_process_id_that_was_given_out_again_is_left_alone(
    cache: Cache, store: Store, started: Processes
) -> None:
    """The numbers of a dead holder, and of its step, may be somebody else's by now."""
    stranger = started.start()
    dead = Process(stranger.pid, stranger.started - 1)
    holder = holder_of(dead).with_step(StepProcess(dead, dead, dead.pid, dead))
    await held_by(store, holder)
    async with asyncio.timeout(30):
        assert isinstance(await ask(cache, Ticket(KEY)), Holding)
    assert not processes.is_gone(stranger)


async def test_one_of_many_who_see_the_death_takes_over(
    cache: Cache, other: Cache, store: Store, started: Processes
) -> None:
    holder = started.start()
    await held_by(store, holder_of(holder))
    tasks = [asyncio.create_task(ask(one, Ticket(KEY))) for one in (cache, other) * 10]
    await until(lambda: cache._waiting._queues and other._waiting._queues)
    started.end(holder)
    await until(lambda: any(task.done() for task in tasks))
    await asyncio.sleep(0.3)  # long enough for others to try
    heirs = [task.result() for task in tasks if task.done()]
    assert len(heirs) == 1
    for task in tasks:
        task.cancel()
