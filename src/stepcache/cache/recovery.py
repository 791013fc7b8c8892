"""Making sure that a dead holder's step is dead too, before its claim is taken over.

protocol.md, Same-host recovery.
"""

from __future__ import annotations

import asyncio
import time

from stepcache import container_engine, processes
from stepcache.cache.holder import Holder
from stepcache.processes import Process

SUPERVISOR_PATIENCE = 2.0
"""Seconds that a supervisor whose holder died has to end its steps by itself."""
REAPER_PATIENCE = 1.0
"""Seconds that a step's reaper has to do so once the supervisor is gone."""
CONTAINER_PATIENCE = 10.0
"""Seconds that the container engine has to end the containers of a dead holder."""
_DEATH_PATIENCE = 5.0  # a killed process ends at once, unless the kernel has it in uninterruptible sleep
_PAUSE = 0.01


async def end_step(holder: Holder) -> bool:
    """End whatever still executes for ``holder``, which is gone. True when nothing does any more.

    False when that could not be reached (another user's process, uninterruptible sleep, a container engine that
    does not answer): then nothing may be taken over before the lease runs out. Waits for the supervisor and the
    reaper, which end the step by themselves, and kills what is left. A group whose leader is another process than
    the recorded one is somebody else's and is left alone: an id is not given out again while a group of that number
    exists. Containers come last: once the processes are gone, nobody is left who could start another one.
    """
    return await _end_processes(holder) and await _end_containers(holder)


async def _end_processes(holder: Holder) -> bool:
    try:
        if not await _ended(holder, SUPERVISOR_PATIENCE if _lives(holder.supervisor) else 0):
            if holder.supervisor is not None:
                processes.kill(holder.supervisor)
            if not await _ended(holder, REAPER_PATIENCE if _lives(holder.reaper) else 0):
                if step_members(holder) and holder.group is not None:
                    processes.kill_group(holder.group)
                if holder.reaper is not None:
                    processes.kill(holder.reaper)
                return await _ended(holder, _DEATH_PATIENCE)
    except PermissionError:
        return False
    return True


async def _end_containers(holder: Holder) -> bool:
    if holder.containers is None or holder.process is None:
        return holder.containers is None
    owner = container_engine.owner(holder.host, holder.process)
    return await container_engine.end_containers(holder.containers, owner, CONTAINER_PATIENCE)


def step_members(holder: Holder) -> list[Process]:
    """The processes of the step's group, if the group is still the step's.

    With the leader gone, its number can only have come to another group if all process ids were used up once since
    the claim was last renewed; members older than the step show that it is not the step's then.
    """
    step, group = holder.step, holder.group
    if step is None or group is None or group != step.pid or not processes.group_exists(group):
        return []
    leader = processes.find(group)
    if leader is not None and leader != step:
        return []
    members = processes.group_members(group)
    return members if all(member.started >= step.started for member in members) else []


async def _ended(holder: Holder, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while _lives(holder.supervisor) or _lives(holder.reaper) or step_members(holder):
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_PAUSE)
    return True


def _lives(process: Process | None) -> bool:
    return process is not None and not processes.is_gone(process)
