"""Opening, closing, forking, and ending."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import stepcache
from tests.api.programs import line, never, programs, wait_for_a_waiter

KEY = stepcache.key("key")


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


def test_ctrl_c_ends_a_wait(cache: stepcache.BlockingCache, home: Path) -> None:
    def interrupt() -> None:
        wait_for_a_waiter(cache)
        os.kill(os.getpid(), signal.SIGINT)

    with programs(1, "hang", home, KEY) as (holder,):
        assert line(holder) == "producing"
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            cache.once(KEY, never)
        thread.join(30)
        assert cache.lookup(KEY) is None
        assert holder.poll() is None  # a wait that is cancelled changes nothing for others
