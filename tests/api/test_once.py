"""At most one production at a time, in any thread or process; those that wait; those that are killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stepcache
from tests.api.programs import line, never, programs, tell, wait_for_a_waiter

KEY = stepcache.key("key")


def test_two_processes_at_once_produce_once(home: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with programs(4, "once", home, KEY, trace) as started:
        assert [line(program) for program in started] == ["ready"] * 4
        for program in started:
            tell(program)
        answers = sorted(line(program) for program in started)
    assert answers == ["value False", "value True", "value True", "value True"]
    assert trace.read_text() == "produced\n"


def test_threads_of_one_cache_produce_once(cache: stepcache.BlockingCache) -> None:
    produced, results = [], []
    together = threading.Barrier(8)

    def produce() -> int:
        produced.append(1)
        time.sleep(0.1)  # as long as it takes
        return 7

    def ask() -> None:
        together.wait()
        results.append(cache.once(KEY, produce))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert produced == [1]
    assert [result.value for result in results] == [7] * 8
    assert sorted(result.reused for result in results) == [False] + [True] * 7


def test_those_who_wait_for_a_failure_hear_of_it(cache: stepcache.BlockingCache) -> None:
    producing, go_on = threading.Event(), threading.Event()

    def fail() -> str:
        producing.set()
        go_on.wait(60)
        raise ValueError("no such luck")

    errors: list[BaseException] = []

    def ask(produce: Callable[[], str]) -> None:
        try:
            cache.once(KEY, produce)
        except (ValueError, stepcache.StepcacheError) as error:
            errors.append(error)

    first = threading.Thread(target=ask, args=(fail,))
    first.start()
    assert producing.wait(60)
    second = threading.Thread(target=ask, args=(never,))
    second.start()
    wait_for_a_waiter(cache)
    go_on.set()
    for thread in (first, second):
        thread.join(60)
    assert sorted(type(error).__name__ for error in errors) == ["ExecutionFailedError", "ValueError"]
    (told,) = [error for error in errors if isinstance(error, stepcache.ExecutionFailedError)]
    assert "ValueError: no such luck" in str(told)


def test_producing_a_key_that_needs_itself_is_refused(cache: stepcache.BlockingCache) -> None:
    with pytest.raises(stepcache.InputError, match="by the code that produces its value"):
        cache.once(KEY, lambda: cache.once(KEY, never).value)
    inner = cache.once(stepcache.key("outer"), lambda: cache.once(KEY, lambda: 1).value)
    assert inner.value == 1


def test_a_killed_producer_is_replaced_within_a_second(home: Path) -> None:
    """From the kill to the beginning of the next production, which was waiting."""
    taken = []
    for attempt in range(3):
        key = stepcache.key("killed", attempt)
        taken.append(_seconds_to_take_over(home, key))
        if taken[-1] < 1:
            break
    assert min(taken) < 1


def _seconds_to_take_over(home: Path, key: str) -> float:
    began: list[float] = []

    def produce() -> str:
        began.append(time.monotonic())
        return "mine"

    with stepcache.open(home=home) as cache, programs(1, "hang", home, key) as (victim,):
        assert line(victim) == "producing"
        results: list[Any] = []
        heir = threading.Thread(target=lambda: results.append(cache.once(key, produce)))
        heir.start()
        wait_for_a_waiter(cache)
        killed = time.monotonic()
        victim.kill()
        victim.wait()
        heir.join(30)
        assert [(result.value, result.reused) for result in results] == [("mine", False)]
        return began[0] - killed


def test_a_producer_that_was_killed_before_is_replaced_at_once(home: Path) -> None:
    with programs(1, "hang", home, KEY) as (victim,):
        assert line(victim) == "producing"
        victim.kill()
        victim.wait()
    with stepcache.open(home=home) as cache:
        assert cache.once(KEY, lambda: "mine").value == "mine"  # the lease would last a minute


def test_without_the_shortcut_a_killed_producer_is_replaced_when_its_lease_ends(home: Path) -> None:
    lease = 1.0
    with programs(1, "stall", home, KEY, str(lease), "sync") as (victim,):
        assert line(victim) == "producing"
        victim.kill()
        victim.wait()
        with stepcache.open(home=home, same_host=False) as cache:
            assert cache.once(KEY, lambda: "mine").value == "mine"
