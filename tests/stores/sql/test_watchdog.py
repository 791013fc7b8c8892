from __future__ import annotations

import asyncio
from typing import cast

import pytest

from stepcache.stores.sql.watchdog import Watchdog


class SilentError(Exception):
    """There was no answer."""


async def operation(watchdog: Watchdog, answer: asyncio.Future[str]) -> str:
    """As a database runs one."""
    task = cast("asyncio.Task[object]", asyncio.current_task())
    watchdog.begin(task)
    try:
        found = await answer
    except BaseException as error:
        if watchdog.end(task):
            raise SilentError from error
        raise
    watchdog.end(task)
    return found


async def test_what_gets_no_answer_is_ended() -> None:
    watchdog = Watchdog(lambda: 0.02)
    loop = asyncio.get_running_loop()
    silent = [operation(watchdog, loop.create_future()) for _ in range(3)]
    results = await asyncio.gather(*silent, return_exceptions=True)
    assert [type(result) for result in results] == [SilentError] * 3


async def test_what_is_answered_is_left_alone_and_its_task_may_begin_another() -> None:
    watchdog = Watchdog(lambda: 0.02)
    loop = asyncio.get_running_loop()
    for number in range(5):
        answer = loop.create_future()
        loop.call_later(0.008, answer.set_result, f"{number}")
        assert await operation(watchdog, answer) == f"{number}"
    with pytest.raises(SilentError):
        await operation(watchdog, loop.create_future())
    answer = loop.create_future()
    answer.set_result("after")
    assert await operation(watchdog, answer) == "after"


async def test_who_is_cancelled_by_others_stays_cancelled() -> None:
    watchdog = Watchdog(lambda: 60)
    task = asyncio.create_task(operation(watchdog, asyncio.get_running_loop().create_future()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    watchdog.close()


async def test_who_is_cancelled_by_others_and_then_late_stays_cancelled() -> None:
    """The wait goes on after the first, as that of a driver which shields a statement may."""
    watchdog = Watchdog(lambda: 0.02)

    async def stubborn() -> None:
        task = cast("asyncio.Task[object]", asyncio.current_task())
        watchdog.begin(task)
        try:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            assert not watchdog.end(task)
            raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
