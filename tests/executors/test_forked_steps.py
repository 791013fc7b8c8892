"""A step that is forked is what a step that is started is: the same components, run both ways."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from stepcache.executors import warm_start
from stepcache.executors.step import StepExit, WorkerCall
from stepcache.executors.supervisor import Supervisor
from tests.executors.components import Component, Ended, is_forked, make_environment, site_packages

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def supervisor() -> AsyncIterator[Supervisor]:
    """One for all: what a step did must not matter to the next."""
    supervisor = Supervisor()
    await supervisor.started()
    yield supervisor
    await supervisor.close()


_EXIT_1, _EXIT_0 = StepExit(1, None), StepExit(0, None)


async def _both(supervisor: Supervisor, component: Component, inherited: Mapping[str, str] = os.environ) -> Ended:
    started = await component.run(supervisor, forked=False, inherited=inherited)
    forked = await component.run(supervisor, forked=True, inherited=inherited)
    assert forked == started
    return forked


def _returned(ended: Ended) -> Any:
    assert ended.written is not None, ended.log
    return ended.written["parameterValues"]["Output"]


_OUTCOMES: dict[str, tuple[str, StepExit, str]] = {
    "returns": ("print('hello')", _EXIT_0, "hello\n"),
    "raises": ("raise ValueError('bad')", _EXIT_1, "ValueError: bad\n"),
    "raises from": (
        """
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise RuntimeError("worse") from error
        """,
        _EXIT_1,
        "\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call",
    ),
    "does not compile": ("def step() -> int:\n    return +\n", _EXIT_1, "SyntaxError: invalid syntax\n"),
    "fails on import": ("import nothing\ndef step() -> int:\n    return 1\n", _EXIT_1, "named 'nothing'\n"),
    "is not there": ("def another() -> int: 'def step('\n", _EXIT_1, "has no attribute 'step'\n"),
    "returns the wrong type": ("return 5", _EXIT_1, "want type <class 'dict'>\n"),
    "exits": ("import sys; sys.exit(3)", StepExit(3, None), ""),
    "exits well": ("import sys; sys.exit()", _EXIT_0, ""),
    "exits with a text": ("import sys; sys.exit('that is all')", _EXIT_1, "that is all\n"),
    "exits at once": ("import os; print('x', end=''); os._exit(4)", StepExit(4, None), "x"),
    "is interrupted": ("raise KeyboardInterrupt", StepExit(None, signal.SIGINT), "KeyboardInterrupt\n"),
    "interrupts itself": (
        "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
        StepExit(None, signal.SIGINT),
        "KeyboardInterrupt\n",
    ),
    "terminates itself": (
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        StepExit(None, signal.SIGTERM),
        "",
    ),
    "is killed": ("import os; os.kill(0, 9)", StepExit(None, signal.SIGKILL), ""),
    "aborts": (
        "import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.abort()",
        StepExit(None, signal.SIGABRT),
        "",
    ),
    "becomes another program": (
        "import os; os.execvp('sh', ['sh', '-c', 'echo $0; exit 6'])",
        StepExit(6, None),
        "sh\n",
    ),
    "has a thread": (
        """
        import threading, time
        threading.Thread(target=lambda: (time.sleep(0.05), print("thread"))).start()
        return {}
        """,
        _EXIT_0,
        "thread\n",
    ),
    "has a daemon thread": (
        """
        import threading, time
        threading.Thread(target=lambda: (time.sleep(1000), print("thread")), daemon=True).start()
        return {}
        """,
        _EXIT_0,
        "",
    ),
    "has a thread that fails": (
        """
        import threading
        thread = threading.Thread(target=lambda: 1 / 0, name="mine")
        thread.start(), thread.join()
        """,
        _EXIT_0,
        "Exception in thread mine:\n",
    ),
    "has something to do at the end": (
        """
        import atexit, weakref
        global left
        left = type("Left", (), {"__del__": lambda self: print("deleted")})()
        class Other: pass
        global other
        other = Other()
        weakref.finalize(other, print, "finalized")
        atexit.register(print, "first registered")
        atexit.register(print, "last registered")
        """,
        _EXIT_0,
        "last registered\nfirst registered\nfinalized\ndeleted\n",
    ),
    "fails at the end": ("import atexit; atexit.register(lambda: 1 / 0)", _EXIT_0, "ZeroDivisionError"),
    "leaves a file open": (
        """
        global file
        file = open("/proc/self/fd/1", "a", encoding="utf-8")
        file.write("unflushed\\n")
        """,
        _EXIT_0,
        "unflushed\n",
    ),
    "prints in order": (
        """
        import os, subprocess, sys
        print("1"); print("2", file=sys.stderr); os.write(1, b"3\\n"); print("4 ", end="")
        subprocess.run(["echo", "5"]); print("6"); os.system("echo 7; echo 8 >&2")
        """,
        _EXIT_0,
        "1\n2\n3\n4 5\n6\n7\n8\n",
    ),
    "prints a lot": ("for n in range(20_000): print(n, 'x' * 100)", _EXIT_0, "19999 " + "x" * 100 + "\n"),
    "prints what is no text": (
        "import sys; sys.stdout.buffer.write(b'\\xff\\n'); print('ü')",
        _EXIT_0,
        "\udcff\nü\n",
    ),
    "closes its output": ("import sys; sys.stdout.close(); sys.stderr.close()", _EXIT_1, ""),
    "warns": (
        "import warnings; warnings.warn('careful'); warnings.warn('unseen', ResourceWarning)",
        _EXIT_0,
        "UserWarning: careful\n",
    ),
    "logs": (
        """
        import logging
        logging.info("informed"); logging.debug("unseen"); logging.getLogger("mine").warning("warned")
        """,
        _EXIT_0,
        "[KFP Executor ? INFO]: informed\n[KFP Executor ? WARNING]: warned\n",
    ),
    "has its own hook": (
        """
        import sys, traceback
        sys.excepthook = lambda kind, error, tb: print(kind.__name__, len(traceback.extract_tb(tb)), error)
        raise ValueError("mine")
        """,
        _EXIT_1,
        "mine\n",
    ),
    "reads": ("input()", _EXIT_1, "EOFError: EOF when reading a line\n"),
    "recurses": ("return step()", _EXIT_1, "RecursionError: maximum recursion depth exceeded"),
    "spawns": (
        """
        import multiprocessing
        def twice(number):
            return 2 * number
        def step() -> dict:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(twice, [1, 2]))
            return {}
        """,
        _EXIT_0,
        "[2, 4]\n",
    ),
    "forks": (
        """
        import multiprocessing
        def twice(number):
            return 2 * number
        def step() -> dict:
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(twice, [1, 2]))
            return {}
        """,
        _EXIT_0,
        "[2, 4]\n",
    ),
    "computes elsewhere": (
        """
        import concurrent.futures, asyncio
        def step() -> dict:
            with concurrent.futures.ProcessPoolExecutor(1) as pool:
                print(pool.submit(abs, -5).result())
            print(asyncio.run(asyncio.to_thread(abs, -6)))
            return {}
        """,
        _EXIT_0,
        "5\n6\n",
    ),
    "runs Python": (
        """
        import subprocess, sys
        program = "import os, sys; print(sys.executable, sys.path, sorted(os.environ.items()))"
        subprocess.run([sys.executable, "-c", program], check=True)
        """,
        _EXIT_0,
        "TMPDIR",
    ),
    "imports what the worker works with": (
        """
        import ctypes, ctypes.util, enum, json, select, signal, socket, sys
        print(ctypes.CDLL(None).getpid() > 1, ctypes.sizeof(ctypes.POINTER(ctypes.c_int)))
        class Pair(ctypes.Structure):
            _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_char_p)]
        print(Pair(1, b"x").b, ctypes.pythonapi.Py_IsInitialized())
        a, b = socket.socketpair()
        a.send(b"y"), print(b.recv(1), a.family, signal.Signals(9), signal.getsignal(signal.SIGINT))
        """,
        _EXIT_0,
        "True 8\nb'x' 1\nb'y'",
    ),
}


@pytest.mark.parametrize("name", _OUTCOMES)
async def test_the_same_happens(supervisor: Supervisor, tmp_path: Path, name: str) -> None:
    source, how, text = _OUTCOMES[name]
    ended = await _both(supervisor, Component.at(tmp_path / "component", source))
    assert (ended.how, text in ended.log) == (how, True), ended.log


_LEFT = """
import functools, os
tell = functools.partial(os.write, 1, b"deleted\\n")  # works while all else is taken apart
class Left:
    def __del__(self, tell=tell): tell()

def step() -> dict:
"""
_ENDS = {
    "in the module": "global left; left = Left()",
    "in another module": "import kfp, logging; kfp.left = logging.Logger.left = Left()",
    "in the interpreter": "import sys; sys.left = Left()",
    "among the built-ins": "import builtins; builtins.left = Left()",
    "in a cycle": "left = Left(); left.left = left",
    "of a thread": "import kfp, threading; kfp.local = threading.local(); kfp.local.left = Left()",
    "in a context": "import contextvars; contextvars.ContextVar('left').set(Left())",
    "in a cache": "import functools, kfp; kfp.left = functools.lru_cache(lambda _: Left()); kfp.left(1)",
    "unknown to the collector": """
        import kfp
        kfp.left = type('Left', (), {'__slots__': (), '__del__': lambda self: tell()})()
    """,
    "a class": """
        class Meta(type):
            def __del__(cls, tell=tell): tell()
        global left
        left = Meta('Left', (), {})
    """,
    "a generator": """
        def generate():
            try: yield
            finally: tell()
        global left
        left = generate()
        next(left)
    """,
    "something referred to": """
        import builtins, weakref
        left = lambda: None
        left.left = left
        builtins.reference = weakref.ref(left, lambda _: tell())
    """,
    "a weak set": """
        import weakref
        class Set(weakref.WeakSet):
            def __del__(self, tell=tell): tell()
        global left
        left = Set()
    """,
    "a stream": """
        import io, sys
        class Stream(io.TextIOBase):
            def write(self, text): return sys.__stdout__.write(text)
            def flush(self, tell=tell): tell()
        sys.stdout = Stream()
    """,
    "a handler": """
        import logging
        class Handler(logging.Handler):
            def close(self): tell()
        logging.root.addHandler(Handler())
    """,
    "a file": """
        import kfp
        kfp.file = open('/proc/self/fd/1', 'w')
        kfp.file.write('deleted\\n')
    """,
    "in a C library": "import ctypes; ctypes.CDLL(None).puts(b'deleted')",
    "an executor": """
        import concurrent.futures, kfp, time
        kfp.pool = concurrent.futures.ThreadPoolExecutor(1)
        kfp.pool.submit(lambda: (time.sleep(0.05), tell()))
    """,
}


@pytest.mark.parametrize("name", _ENDS)
async def test_what_is_left_when_a_step_ends_is_deleted(supervisor: Supervisor, tmp_path: Path, name: str) -> None:
    body = textwrap.indent(textwrap.dedent(_ENDS[name]) + "\nreturn {}\n", "    ")
    ended = await _both(supervisor, Component.at(tmp_path / "component", _LEFT + body))
    assert "deleted\n" in ended.log


_STATE = """
    import faulthandler, gc, locale, logging, os, re, resource, signal, sys, tempfile, threading, time, warnings
    def text(value): return re.sub("0x[0-9a-f]+", "", str(value))
    def stream(s):
        kind = [text(type(s)), text(type(s.buffer)), s.name, s.mode]
        return [kind, s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty(), s.closed]
    umask = os.umask(0)
    os.umask(umask)
    status = [line for line in open("/proc/self/status") if re.match("Sig[^Q]|Shd|Cap|NoNewPrivs|Seccomp:", line)]
    me, main = os.getpid(), threading.main_thread()
    return {
        "variables": dict(os.environ),
        "command": [sys.argv, sys.orig_argv, sys.executable, str(sys.flags), sys._xoptions, sys.warnoptions],
        "paths": [sys.path, sys.prefix, sys.exec_prefix, sys.base_prefix, sys._base_executable],
        "modules": sorted(sys.modules),
        "importers": text(sys.meta_path) + text(sys.path_hooks),
        "main": {name: text(value) for name, value in vars(sys.modules["__main__"]).items()},
        "directories": [os.getcwd(), tempfile.gettempdir(), os.listdir()],
        "process": [umask, os.getsid(0) == os.getpgid(0) == me, os.nice(0), sorted(os.sched_getaffinity(0))],
        "limits": [resource.getrlimit(number) for number in range(16)],
        "status": status,
        "handlers": [text(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "descriptors": [(name, os.readlink("/proc/self/fd/" + name)) for name in ("0", "1", "2")],
        "open": len(os.listdir("/proc/self/fd")),
        "streams": [stream(s) for s in (sys.stdin, sys.stdout, sys.stderr)],
        "input": sys.stdin.read(),
        "tasks": len(os.listdir("/proc/self/task")),
        "threads": [threading.active_count(), main is threading.current_thread(), main.name,
            main.native_id == me, main.ident == threading.get_ident(), threading.stack_size()],
        "logging": [text(logging.root.handlers), logging.root.level, sorted(logging.root.manager.loggerDict),
            0 <= time.time() - logging._startTime < 5],
        "warnings": text(warnings.filters),
        "locale": [locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()],
        "time": [time.tzname, time.timezone],
        "hooks": text([sys.excepthook, sys.unraisablehook, threading.excepthook, sys.gettrace()]),
        "interpreter": [sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled(), gc.get_threshold(),
            faulthandler.is_enabled(), open("/proc/self/comm").read(), os.readlink("/proc/self/exe")],
    }
"""


async def test_an_interpreter_is_found_as_after_its_start(supervisor: Supervisor, tmp_path: Path) -> None:
    component = Component.at(tmp_path / "component", _STATE, DECLARED="zwei\nZeilen, ünïcode 🐍", EMPTY="")
    state = _returned(await _both(supervisor, component))
    assert state["variables"]["DECLARED"] == "zwei\nZeilen, ünïcode 🐍"
    assert state["descriptors"][:2] == [["0", "/dev/null"], ["1", str(component.log)]]
    assert state["paths"][0][:2] == [str(component.place), str(component.directory)]


_LOCALES: dict[str, dict[str, str]] = {
    "none": {},  # Python sets LC_CTYPE itself then
    "C": {"LC_ALL": "C"},
    "C.UTF-8": {"LANG": "C.UTF-8", "LC_TIME": "C"},
    "missing": {"LC_ALL": "xx_XX.ISO-8859-1"},
    "home": {"HOME": "/nowhere", "TZ": "Asia/Kathmandu"},
}


@pytest.mark.parametrize("name", _LOCALES)
async def test_the_same_is_made_of_the_engines_environment(
    supervisor: Supervisor, tmp_path: Path, name: str
) -> None:
    await _both(supervisor, Component.at(tmp_path / "ümlaut", _STATE, WÖRD="wört"), _LOCALES[name])


async def test_the_time_zone_may_be_declared(supervisor: Supervisor, tmp_path: Path) -> None:
    source = "import time; return {'zone': time.tzname, 'time': time.localtime(0)[3]}"
    for zone, name in (("XYZ-3", "XYZ"), ("ABC-5", "ABC")):
        ended = await _both(supervisor, Component.at(tmp_path / "component", source, TZ=zone))
        assert _returned(ended) == {"zone": [name, name], "time": int(zone[-1])}


_MEMORY = """
    import builtins, kfp, os, random, re, sys
    def holds_secret():
        with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
            for line in maps:
                begin, end = (int(part, 16) for part in line.split()[0].split("-"))
                if " rw" in line:
                    memory.seek(begin)
                    if re.search(b"Q{2000,}", memory.read(end - begin)):
                        return True
        return False
    marked = [hasattr(place, "mark") for place in (builtins, sys, kfp)]
    state = {"secret": holds_secret(), "marked": any(marked) or "MARK" in os.environ, "number": random.random()}
    builtins.mark = sys.mark = kfp.mark = os.environ["MARK"] = "1"
    random.seed(1), sys.path.append("/mark"), os.umask(0), os.chdir("/"), sys.setrecursionlimit(5000)
    return state
"""


async def test_steps_of_one_reaper_know_nothing_of_one_another(supervisor: Supervisor, tmp_path: Path) -> None:
    # Each searches all of its memory for the secret of the first one.
    reapers, states = set(), []
    for declared in ({"SECRET": "Q" * 5000}, {}, {}):
        component = Component.at(tmp_path / "component", _MEMORY, **declared)
        running = await supervisor.run(component.command(forked=True))
        reapers.add(running.reaper)
        states.append(_returned(component.ended(await running.wait())))
    assert len(reapers) == 1
    assert [state["secret"] for state in states] == [True, False, False]
    assert not any(state["marked"] for state in states)
    assert len({state["number"] for state in states}) == 3


async def test_many_run_at_the_same_time_and_their_input_may_be_long(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    # Each waits for all the others. Longer than what can be given to a program by exec.
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    source = f"""
        import os, sys, time
        open(f"{meeting}/{{os.getpid()}}", "w").close()
        while len(os.listdir("{meeting}")) < 20:
            time.sleep(0.01)
        return {{"length": len(os.environ["LONG"])}}
    """
    components = [
        Component.at(tmp_path / str(number), source, LONG="x" * (200_000 + number)) for number in range(20)
    ]

    async def length(component: Component) -> int:
        return int(_returned(await component.run(supervisor, forked=True))["length"])

    lengths = await asyncio.gather(*map(length, components))
    assert list(lengths) == [200_000 + number for number in range(20)]


async def test_what_the_start_of_an_interpreter_does_is_done_for_every_step(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    python = make_environment(
        tmp_path / "environment",
        sitecustomize="""
            import atexit, functools, os, sys, warnings
            print("hello"), warnings.warn("careful")
            os.environ["ADDED"] = os.environ.pop("GIVEN", "") + "!"
            class Left:
                def __del__(self, write=os.write): write(1, b"deleted\\n")
            sys.left = Left()
            atexit.register(print, "bye")
        """,
    )
    component = Component.at(tmp_path / "component", "import os; print(os.environ['ADDED'])", interpreter=python)
    for _ in range(2):
        log = (await _both(supervisor, component)).log
        assert log.startswith("hello\n")
        assert "UserWarning: careful" in log
        assert log.endswith("bye\ndeleted\n")


_PATHS = """
    import importlib.metadata, subprocess, sys, sysconfig
    import installed
    program = "import installed, sys; print(sys.executable, sys.prefix, installed.__file__)"
    subprocess.run([sys.executable, "-c", program], check=True)
    return {
        "installed": installed.__file__,
        "path": sys.path,
        "interpreter": [sys.executable, sys.prefix, sys.exec_prefix, sysconfig.get_paths()],
        "kfp": importlib.metadata.version("kfp"),
    }
"""


async def test_a_step_may_be_in_another_virtual_environment_than_its_worker(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    pythons = [make_environment(tmp_path / name) for name in ("worker", "own")]
    (site_packages(tmp_path / "own") / "installed.py").touch()
    component = Component.at(tmp_path / "component", _PATHS, interpreter=pythons[1])
    call = warm_start.call(pythons[0], {}, os.environ, prefix=tmp_path / "own")
    started = await component.run(supervisor, forked=False)
    forked = await component.run(supervisor, forked=True, call=call)
    assert forked == started
    assert _returned(forked)["installed"] == str(site_packages(tmp_path / "own") / "installed.py")


async def test_a_step_may_have_more_packages_than_its_worker(supervisor: Supervisor, tmp_path: Path) -> None:
    more, linked = tmp_path / "more", tmp_path / "linked"
    for directory in (more, linked):
        directory.mkdir()
    (more / "yaml.py").write_text("")  # there is another one in the environment
    (more / "linked.pth").write_text(f"{linked}\n")
    component = Component.at(
        tmp_path / "component", "import sys, yaml; return {'yaml': yaml.__file__, 'path': sys.path}"
    )
    plain = _returned(await component.run(supervisor, forked=True))
    call = warm_start.call(sys.executable, {}, os.environ, sites=(more,))
    added = _returned(await component.run(supervisor, forked=True, call=call))
    assert added["yaml"] == str(more / "yaml.py") != plain["yaml"]
    position = added["path"].index(str(more))
    assert added["path"][position - 1].endswith("lib-dynload")
    assert added["path"].pop(position + 1) == str(linked)
    assert [path for path in added["path"] if path != str(more)] == plain["path"]


@pytest.mark.parametrize(
    "name",
    [
        *("PYTHONPATH", "PYTHONHASHSEED", "PYTHONUNBUFFERED", "LD_PRELOAD", "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX"),
        *("GLIBC_TUNABLES", "LANG", "LC_ALL", "LC_CTYPE", "HOME", "TZDIR"),
    ],
)
async def test_what_counts_when_a_process_starts_has_it_started(name: str) -> None:
    assert warm_start.call("python3", {"OTHER": "", name: "1"}, {}) is None


async def test_a_declared_python_variable_has_its_effect(supervisor: Supervisor, tmp_path: Path) -> None:
    source = "import sys; return {'seed': hash('x'), 'flags': sys.flags.hash_randomization}"
    component = Component.at(tmp_path / "component", source, PYTHONHASHSEED="0")
    assert _returned(await _both(supervisor, component))["flags"] == 0


async def test_workers_have_what_all_steps_have_and_no_more() -> None:
    inherited = {"HOME": "/home/me", "SECRET": "x", "PYTHONPATH": "/leak", "LC_ALL": "C"}
    call = warm_start.call("/bin/python3", {"DECLARED": "1", "HTTPS_PROXY": "mine"}, inherited)
    assert isinstance(call, WorkerCall)
    assert call.worker.interpreter == "/bin/python3"
    assert call.worker.environment == {
        "HOME": "/home/me",
        "LC_ALL": "C",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONUNBUFFERED": "1",
        "_KFP_RUNTIME": "true",
    }


async def test_ps_shows_what_a_forked_step_runs(supervisor: Supervisor, tmp_path: Path) -> None:
    component = Component.at(tmp_path / "component", "import time; time.sleep(1000)")
    running = await supervisor.run(component.command(forked=True))
    assert is_forked(running)
    words = Path(f"/proc/{running.process.pid}/cmdline").read_bytes().split(b"\0")
    assert words[:3] == [sys.executable.encode(), b"-m", b"kfp.dsl.executor_main"]
    assert await running.stop(grace=10) == StepExit(None, signal.SIGTERM)
