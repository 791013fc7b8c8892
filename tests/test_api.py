"""``stepcache.open`` and ``stepcache.open_async``, as programs use them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import stepcache
from stepcache.cache.ticket import Ticket
from stepcache.stores.claim import Busy, Invalidated

KEY = stepcache.key("key")
_REPOSITORY = Path(__file__).parents[1]

Program = subprocess.Popen[str]


@contextmanager
def programs(count: int, *arguments: str | Path) -> Iterator[list[Program]]:
    """Processes of ``tests.producer``; all are gone at the end of the block."""
    command = [sys.executable, "-m", "tests.producer", *map(str, arguments)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_REPOSITORY)
        for _ in range(count)
    ]
    try:
        yield started
    finally:
        for program in started:
            program.kill()
            program.communicate()


def line(program: Program) -> str:
    assert program.stdout is not None
    return program.stdout.readline().rstrip("\n")


def tell(program: Program) -> None:
    assert program.stdin is not None
    program.stdin.write("\n")
    program.stdin.flush()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def cache(home: Path) -> Iterator[stepcache.BlockingCache]:
    with stepcache.open(home=home) as cache:
        yield cache


def never() -> Any:
    raise AssertionError("the value was produced again")


# What is kept


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1.5, "text ü", [], {}, [1, "two", None, {"three": [3.0]}], 2**70, b"", b"\x00\xff" * 1000],
    ids=repr,
)
def test_a_value_is_read_back_as_it_is(home: Path, value: Any) -> None:
    with stepcache.open(home=home) as cache:
        first = cache.once(KEY, lambda: value)
        assert (first.value, first.reused) == (value, False)
        assert first.entry.key == KEY
    with stepcache.open(home=home) as cache:
        again = cache.once(KEY, never)
        assert (again.value, again.reused) == (value, True)
        assert type(again.value) is type(value)
        assert again.entry.id == first.entry.id


def test_a_path_moves_into_the_artifact_store(cache: stepcache.BlockingCache, tmp_path: Path) -> None:
    def produce() -> Path:
        directory = tmp_path / "model"
        directory.mkdir()
        (directory / "weights").write_text("1 2 3")
        return directory

    first = cache.once(KEY, produce)
    assert not (tmp_path / "model").exists()
    assert (first.value / "weights").read_text() == "1 2 3"
    again = cache.once(KEY, never)
    assert (again.value, again.reused) == (first.value, True)
    handed_on = cache.once(stepcache.key("part"), lambda: again.value / "weights")
    assert handed_on.value.read_text() == "1 2 3"
    assert cache.once(KEY, never).reused  # what was handed on is still part of the first


@pytest.mark.parametrize("value", [{1, 2}, object(), (1, 2), float("nan"), {1: 2}], ids=repr)
def test_what_would_not_be_read_back_as_it_is_is_refused_and_not_stored(
    cache: stepcache.BlockingCache, value: Any
) -> None:
    with pytest.raises(stepcache.InputError, match="JSON"):
        cache.once(KEY, lambda: value)
    assert cache.lookup(KEY) is None
    assert cache.once(KEY, lambda: "fine").reused is False


def test_an_error_of_produce_is_the_callers_and_is_not_cached(cache: stepcache.BlockingCache) -> None:
    def fail() -> str:
        raise ZeroDivisionError("no such luck")

    with pytest.raises(ZeroDivisionError, match="no such luck"):
        cache.once(KEY, fail)
    assert cache.once(KEY, lambda: "fine").value == "fine"


def test_ctrl_c_while_producing_gives_the_claim_back(cache: stepcache.BlockingCache) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.once(KEY, interrupted)
    assert cache.once(KEY, lambda: "fine").value == "fine"


def test_lookup_executes_nothing(cache: stepcache.BlockingCache) -> None:
    assert cache.lookup(KEY) is None
    cache.once(KEY, lambda: b"value")
    found = cache.lookup(KEY)
    assert found is not None
    assert (found.value, found.reused) == (b"value", True)
    assert cache.lookup(KEY, max_staleness=0) is None


def test_put_lets_a_fresh_entry_stand(cache: stepcache.BlockingCache) -> None:
    assert cache.put(KEY, "first").stored
    second = cache.put(KEY, "second")
    assert not second.stored
    assert cache.once(KEY, never).value == "first"
    assert cache.put(stepcache.key("other"), "first", entry_max_staleness="P0D").stored
    assert cache.put(stepcache.key("other"), "second").stored


def test_invalidate_withdraws_and_says_what_there_was(cache: stepcache.BlockingCache) -> None:
    assert cache.invalidate(KEY) == Invalidated(entry=False, claim=False)
    cache.put(KEY, 1)
    assert cache.invalidate(KEY) == Invalidated(entry=True, claim=False)
    assert cache.lookup(KEY) is None
    assert cache.once(KEY, lambda: 2).reused is False


def test_staleness_is_per_call_and_per_entry(cache: stepcache.BlockingCache) -> None:
    cache.once(KEY, lambda: 1)
    assert cache.once(KEY, never, max_staleness="P1D").value == 1
    refreshed = cache.once(KEY, lambda: 2, max_staleness="P0D")
    assert (refreshed.value, refreshed.reused) == (2, False)
    cache.once(KEY, lambda: 3, max_staleness=0, entry_max_staleness=0)  # stored, but nobody may reuse it
    assert cache.once(KEY, lambda: 4).value == 4
    for wrong in ("tomorrow", "P", float("nan")):
        with pytest.raises(stepcache.InputError, match="is not a duration"):
            cache.once(KEY, never, max_staleness=wrong)


@pytest.mark.parametrize("key", ["", "short", "A" * 64, " " + "a" * 63, "g" * 64])
def test_a_key_is_64_hex_digits(cache: stepcache.BlockingCache, key: str) -> None:
    with pytest.raises(stepcache.InputError, match="no cache key"):
        cache.once(key, never)


def test_damaged_bytes_are_produced_anew(cache: stepcache.BlockingCache, home: Path) -> None:
    cache.once(KEY, lambda: b"good" * 1000)
    (stored,) = [path for path in (home / "artifacts" / "objects").rglob("*") if path.is_file()]
    stored.chmod(0o644)
    stored.write_bytes(b"evil" * 1000)
    assert cache.lookup(KEY) is None
    again = cache.once(KEY, lambda: b"good" * 1000)
    assert (again.value, again.reused) == (b"good" * 1000, False)
    assert cache.once(KEY, never).reused


# At most once at a time


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
    _wait_for_a_waiter(cache)
    go_on.set()
    for thread in (first, second):
        thread.join(60)
    assert sorted(type(error).__name__ for error in errors) == ["ExecutionFailedError", "ValueError"]
    (told,) = [error for error in errors if isinstance(error, stepcache.ExecutionFailedError)]
    assert "ValueError: no such luck" in str(told)


def _wait_for_a_waiter(cache: stepcache.BlockingCache) -> None:
    waiting = cache._cache._waiting
    deadline = time.monotonic() + 30
    while not waiting._queues:
        assert time.monotonic() < deadline
        time.sleep(0.002)


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
        _wait_for_a_waiter(cache)
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


# A lease that is lost


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_stopped_process_that_lost_its_lease_says_so_and_stores_nothing(home: Path, kind: str) -> None:
    with programs(1, "stall", home, KEY, "0.5", kind) as (late,), stepcache.open(home=home) as cache:
        assert line(late) == "producing"
        late.send_signal(signal.SIGSTOP)
        assert cache.once(KEY, lambda: "mine").value == "mine"
        late.send_signal(signal.SIGCONT)
        if kind == "sync":
            tell(late)  # it cannot be stopped: it ends when its work does
        assert line(late) == ("lost late" if kind == "sync" else "lost None")
        assert cache.once(KEY, never).value == "mine"


def test_an_invalidated_production_is_not_stored(cache: stepcache.BlockingCache, home: Path) -> None:
    def produce() -> str:
        with stepcache.open(home=home) as other:
            assert other.invalidate(KEY).claim
        return "late"

    with pytest.raises(stepcache.LeaseLostError, match="was not stored") as error:
        cache.once(KEY, produce)
    assert error.value.value == "late"
    assert "ask again" in error.value.remedy
    assert cache.lookup(KEY) is None
    assert cache.once(KEY, lambda: "next").reused is False


async def test_an_asynchronous_production_is_cancelled_when_the_claim_is_lost(home: Path) -> None:
    stopped = asyncio.Event()

    async def produce() -> str:
        async with stepcache.open_async(home=home) as other:
            await other.invalidate(KEY)
        try:
            await asyncio.sleep(1000)
        finally:
            stopped.set()
        return "never"

    async with stepcache.open_async(home=home, lease=0.3) as cache:
        with pytest.raises(stepcache.LeaseLostError, match="was stopped") as error:
            await cache.once(KEY, produce)
        assert error.value.value is None
        assert stopped.is_set()
        assert await cache.lookup(KEY) is None


# Programs with an event loop


async def test_the_asynchronous_door_does_the_same(home: Path, tmp_path: Path) -> None:
    async def produce() -> list[int]:
        await asyncio.sleep(0)
        return [1, 2]

    async with stepcache.open_async(home=home) as cache:
        assert isinstance(cache, stepcache.Cache)
        first = await cache.once(KEY, produce)
        again = await cache.once(KEY, never)
        assert (first.value, first.reused) == ([1, 2], False)
        assert (again.value, again.reused) == ([1, 2], True)
        found = await cache.lookup(KEY)
        assert found is not None
        assert found.value == [1, 2]
        assert not (await cache.put(KEY, 3)).stored
        assert (await cache.invalidate(KEY)).entry
        blocking = await cache.once(KEY, lambda: b"in a thread")
        assert (blocking.value, blocking.reused) == (b"in a thread", False)
        path = tmp_path / "file"
        path.write_text("x")
        assert (await cache.once(stepcache.key("path"), lambda: path)).value.read_text() == "x"


async def test_tasks_of_one_loop_produce_once(home: Path) -> None:
    produced = 0

    async def produce() -> str:
        nonlocal produced
        produced += 1
        await asyncio.sleep(0.05)
        return "value"

    async with stepcache.open_async(home=home) as cache:
        results = await asyncio.gather(*(cache.once(KEY, produce) for _ in range(50)))
    assert produced == 1
    assert {result.value for result in results} == {"value"}
    assert sum(not result.reused for result in results) == 1


async def test_a_cancelled_call_gives_its_claim_back(home: Path) -> None:
    producing = asyncio.Event()

    async def produce() -> str:
        producing.set()
        await asyncio.sleep(1000)
        return "never"

    async with stepcache.open_async(home=home) as cache:
        call = asyncio.create_task(cache.once(KEY, produce))
        await producing.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await cache.once(KEY, lambda: "mine")).value == "mine"


async def test_a_thread_that_cannot_be_stopped_keeps_its_claim_until_it_ends(home: Path) -> None:
    """The caller is cancelled, but nobody else may execute while the thread still does."""
    producing, go_on = threading.Event(), threading.Event()

    def produce() -> str:
        producing.set()
        go_on.wait(60)
        return "unwanted"

    async with stepcache.open_async(home=home) as cache:
        call = asyncio.create_task(cache.once(KEY, produce))
        await asyncio.to_thread(producing.wait, 60)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with stepcache.open_async(home=home) as other:
            assert isinstance(await other.attempt(Ticket(KEY)), Busy)
            next_call = asyncio.create_task(other.once(KEY, lambda: "mine"))
            go_on.set()
            assert (await next_call).value == "mine"


def test_the_synchronous_door_refuses_asynchronous_functions(cache: stepcache.BlockingCache) -> None:
    async def produce() -> str:
        return "never"

    with pytest.raises(stepcache.InputError, match="asynchronous function") as error:
        cache.once(KEY, produce)
    assert "open_async" in error.value.remedy


# Where things are


def test_everything_is_below_the_home(home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
    assert {path.name for path in home.iterdir()} >= {"stepcache.db", "artifacts"}
    assert {path.name for path in home.parent.iterdir()} == {"home"}


def test_places_come_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPCACHE_HOME", str(home))
    with stepcache.open() as cache:
        cache.put(KEY, "x")
    assert (home / "stepcache.db").exists()


def test_store_and_artifacts_may_be_elsewhere(tmp_path: Path) -> None:
    url, artifacts = f"sqlite:///{tmp_path}/a.db", tmp_path / "b"
    with stepcache.open(url, artifacts=artifacts, home=tmp_path / "home") as cache:
        cache.put(KEY, b"x")
    assert (tmp_path / "a.db").exists()
    assert (artifacts / "objects").is_dir()
    with stepcache.open(url, artifacts=str(artifacts)) as cache:
        assert cache.once(KEY, never).value == b"x"


def test_another_artifact_location_is_refused_and_not_made(tmp_path: Path, home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
    with pytest.raises(stepcache.InputError, match="keeps its outputs at") as error:
        stepcache.open(home=home, artifacts=tmp_path / "other")
    assert str(home / "artifacts") in error.value.remedy
    assert not (tmp_path / "other").exists()
    with stepcache.open(home=home) as cache:
        assert cache.lookup(KEY) is not None


def test_artifacts_that_are_not_mounted_are_unavailable_and_no_miss(home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
    mounted = home / "artifacts"
    mounted.rename(home / "unmounted")
    for made in (False, True):
        if made:
            mounted.mkdir()
        with pytest.raises(stepcache.ArtifactStoreUnavailableError, match="is not there"):
            stepcache.open(home=home)
    mounted.rmdir()
    (home / "unmounted").rename(mounted)
    with stepcache.open(home=home) as cache:
        assert cache.once(KEY, never).value == b"x"


def test_artifacts_that_go_away_while_the_cache_is_open_are_unavailable_and_no_miss(home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
        (home / "artifacts").rename(home / "unmounted")
        for ask in (lambda: cache.lookup(KEY), lambda: cache.once(KEY, never), lambda: cache.put(KEY, b"y")):
            with pytest.raises(stepcache.ArtifactStoreUnavailableError):
                ask()
        (home / "unmounted").rename(home / "artifacts")
        assert cache.once(KEY, never).value == b"x"


def test_another_artifact_store_at_the_same_place_is_refused(tmp_path: Path, home: Path) -> None:
    with stepcache.open(home=home) as cache:
        cache.put(KEY, b"x")
    with stepcache.open(home=tmp_path / "second") as cache:
        cache.put(KEY, b"x")
    (home / "artifacts").rename(home / "away")
    (tmp_path / "second" / "artifacts").rename(home / "artifacts")
    with pytest.raises(stepcache.ArtifactStoreUnavailableError, match="is another artifact store"):
        stepcache.open(home=home)


def test_two_stores_may_share_one_artifact_store(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with stepcache.open(f"sqlite:///{tmp_path}/{name}.db", artifacts=tmp_path / "artifacts") as cache:
            cache.put(KEY, b"x")
    assert len(list((tmp_path / "artifacts" / "objects").glob("*/*"))) == 1


def test_a_place_that_holds_something_else_is_refused(tmp_path: Path, home: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(stepcache.InputError, match=r"is no artifact store and is not empty"):
        stepcache.open(home=home, artifacts=tmp_path)


def test_many_processes_may_open_a_new_store_at_once(home: Path) -> None:
    with programs(6, "open_anew", home, KEY) as started:
        assert [line(program) for program in started] == ["ready"] * 6
        for program in started:
            tell(program)
        assert [line(program) for program in started] == ["True"] * 6


def test_a_store_that_cannot_be_used_is_an_error(tmp_path: Path, home: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    with pytest.raises(stepcache.StoreUnavailableError, match=r"broken\.db"):
        stepcache.open(f"sqlite:///{tmp_path}/broken.db", home=home)
    with pytest.raises(stepcache.InputError, match="no store for"):
        stepcache.open("redis://localhost", home=home)
    with pytest.raises(stepcache.InputError, match="lease"):
        stepcache.open(home=home, lease=-1)


def test_a_store_in_memory_is_forgotten(home: Path) -> None:
    for _ in range(2):
        with stepcache.open("memory://", home=home) as cache:
            assert cache.once(KEY, lambda: 1).reused is False
            assert cache.once(KEY, never).reused


# Opening, closing, forking


def test_a_cache_that_is_closed_says_so(home: Path) -> None:
    cache = stepcache.open(home=home)
    cache.put(KEY, 1)
    cache.close()
    cache.close()
    with pytest.raises(stepcache.StepcacheError, match="is closed"):
        cache.lookup(KEY)
    assert [thread.name for thread in threading.enumerate() if "stepcache" in thread.name] == []


def test_opening_that_fails_leaves_no_thread(tmp_path: Path, home: Path) -> None:
    with pytest.raises(stepcache.InputError):
        stepcache.open("redis://localhost", home=home)
    (tmp_path / "file").touch()
    with pytest.raises(stepcache.ArtifactStoreUnavailableError):
        stepcache.open(home=home, artifacts=tmp_path / "file")
    assert [thread.name for thread in threading.enumerate() if "stepcache" in thread.name] == []


FORKED = """
import os, sys
import stepcache

key = stepcache.key("key")
cache = stepcache.open(home=sys.argv[1])
cache.put(key, b"parent")
child = os.fork()
if child == 0:
    for use in (lambda: cache.lookup(key), lambda: cache.once(key, lambda: 1), lambda: cache.put(key, 2)):
        try:
            use()
        except stepcache.StepcacheError as error:
            assert "before the process forked" in str(error), error
            assert "stepcache.open" in error.remedy
        else:
            os._exit(1)
    try:
        stepcache.open(home=sys.argv[1])
    except stepcache.StoreUnavailableError as error:
        assert "was open when this process was forked" in str(error), error
    else:
        os._exit(2)
    with stepcache.open("memory://", home=sys.argv[1] + "/child") as own:
        assert own.once(key, lambda: 1).value == 1
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert cache.lookup(key).value == b"parent"
cache.close()

child = os.fork()
if child == 0:
    with stepcache.open(home=sys.argv[1]) as own:
        assert own.lookup(key).value == b"parent"
        own.put(stepcache.key("child"), b"child")
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
with stepcache.open(home=sys.argv[1]) as cache:
    assert cache.lookup(stepcache.key("child")).value == b"child"
"""


def test_a_forked_child_is_refused_and_may_open_its_own(home: Path) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, str(home)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, stepcache; print([name for name in sys.modules if name.startswith('stepcache.')])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_every_public_name_is_there() -> None:
    for name in stepcache.__all__:
        assert getattr(stepcache, name) is not None
        assert name in dir(stepcache)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = stepcache.nothing


def test_a_program_that_ends_without_closing_ends(home: Path) -> None:
    code = (
        "import stepcache, sys; c = stepcache.open(home=sys.argv[1]); c.put(stepcache.key(1), b'x'); print('end')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True, timeout=60
    )
    assert (ended.stdout, ended.stderr) == ("end\n", "")


def test_the_interpreter_can_be_interrupted_while_it_waits(home: Path) -> None:
    with programs(1, "hang", home, KEY) as (holder,):
        assert line(holder) == "producing"
        with programs(1, "once", home, KEY, home / "trace") as (waiting,):
            assert line(waiting) == "ready"
            tell(waiting)
            time.sleep(0.3)  # into the wait; if it has not begun, Ctrl-C comes before it and ends it as well
            waiting.send_signal(signal.SIGINT)
            assert waiting.wait(30) in (1, -signal.SIGINT, 130)
        assert not (home / "trace").exists()
