"""What an interpreter is like right after its start: remembered in a worker, restored in a step.

A step that was forked finds the interpreter as ``python -m MODULE ARGUMENTS`` would have found it, apart from what
docs/steps.md lists. This runs on the Python of the steps, and is loaded after what it has to remember.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import site
import sys
import time
import types
from typing import Any

_LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120 (this runs in each step, where pathlib is slow)


class FreshStart:
    """The state of the calling interpreter, which has imported ``modules`` and done nothing else."""

    def __init__(self, modules: frozenset[str]) -> None:
        self._modules = modules
        self._path = sys.path[:]
        self._library = [entry for entry in sys.path if entry in (_LIBRARY, f"{_LIBRARY}/lib-dynload")]
        self._put_away: list[object] = []
        """What the worker itself works with, kept: to take it apart costs more than its memory."""
        self._handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        self._given = _initial_environment()
        self._found = dict(os.environb)
        self._printed = os.pread(2, os.fstat(2).st_size, 0)  # warnings, mostly

    def restore(self, step: dict[str, Any]) -> None:
        """Have this process, which was forked from the worker and has the step's outputs, start from there."""
        for number, handler in self._handlers.items():
            if signal.getsignal(number) != handler:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._restore_environment({_bytes(name): _bytes(value) for name, value in step["environment"].items()})
        self._restore_paths(step)
        argv = [os.fsdecode(_bytes(word)) for word in step["argv"]]
        sys.orig_argv = argv
        _show(argv)
        sys.argv = ["-m", *argv[3:]]  # runpy puts the module's file first
        for name in sys.modules.keys() - self._modules - {"__main__"}:
            self._put_away.append(sys.modules.pop(name))
        _restore_main_module()
        _restore_library()
        if self._printed:
            os.write(2, self._printed)

    def _restore_environment(self, declared: dict[bytes, bytes]) -> None:
        """The step's variables, and what the interpreter's start makes of them (PEP 538 sets LC_CTYPE)."""
        for name in self._given.keys() | self._found.keys():
            given, found = self._given.get(name), self._found.get(name)
            if given != found and declared.get(name) == given:
                declared.pop(name, None)
                if found is not None:
                    declared[name] = found
        zone = os.environ.get("TZ")
        for name in os.environb.keys() - declared.keys():
            del os.environb[name]
        for name, value in declared.items():
            if os.environb.get(name) != value:
                os.environb[name] = value
        if os.environ.get("TZ") != zone:
            time.tzset()

    def _restore_paths(self, step: dict[str, Any]) -> None:
        path = self._path[:]
        prefix = step.get("prefix") or sys.prefix
        if prefix != sys.prefix:
            former = {os.path.relpath(packages, sys.prefix) for packages in site.getsitepackages()}
            moved = {os.path.join(sys.prefix, packages): os.path.join(prefix, packages) for packages in former}  # noqa: PTH118
            path = [moved.get(entry, entry) for entry in path]
            site.PREFIXES[:] = [prefix if entry == sys.prefix else entry for entry in site.PREFIXES]
            sys.prefix = sys.exec_prefix = prefix
            sys.modules.pop("sysconfig", None)  # it took the prefix when it was imported
        if step["argv"][0] != step["worker"]["interpreter"]:
            sys.executable = os.fsdecode(_bytes(step["argv"][0]))
        sys.path[:] = path
        for directory in step.get("sites", ()):
            site.addsitedir(directory)
        added = sys.path[len(path) :]
        begin = 1 + max(map(path.index, self._library), default=-1)
        sys.path[:] = [os.getcwd(), *path[:begin], *added, *path[begin:]]  # noqa: PTH109 (as above)
        # Directories of packages are to be listed anew: they may have changed.
        known = sys.path_importer_cache
        self._put_away.append(known)
        sys.path_importer_cache = {entry: known[entry] for entry in self._library if entry in known}


def run(module: str) -> None:
    """``python -m MODULE``, with the tracebacks that it prints."""
    try:
        # What ``python -m`` itself calls, in every version of CPython.
        runpy._run_module_as_main(module)  # type: ignore[attr-defined]  # noqa: SLF001
    except SystemExit:
        raise
    except BaseException:
        hook = sys.excepthook

        def without_our_frames(
            kind: type[BaseException], error: BaseException, traceback: types.TracebackType | None
        ) -> None:
            while traceback is not None and traceback.tb_frame.f_code is not run.__code__:
                traceback = traceback.tb_next
            error.__traceback__ = sys.last_traceback = traceback and traceback.tb_next
            hook(kind, error, error.__traceback__)

        sys.excepthook = without_our_frames
        raise


def _restore_main_module() -> None:
    former = vars(sys.modules["__main__"])
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    vars(main)["__builtins__"] = sys.modules["builtins"]
    if "__annotations__" in former:  # up to Python 3.13
        main.__annotations__ = {}


def _restore_library() -> None:
    """What the standard library remembers of the worker: KFP imports both modules."""
    threading, logging = sys.modules.get("threading"), sys.modules.get("logging")
    if threading is not None:
        threading.main_thread()._set_native_id()  # noqa: SLF001 (before Python 3.13 a fork leaves the parent's)
    if logging is not None:
        began = time.time_ns() if isinstance(logging._startTime, int) else time.time()  # noqa: SLF001
        vars(logging)["_startTime"] = began  # LogRecord.relativeCreated counts from there


def _show(argv: list[str]) -> None:
    """Let the first words of ``argv`` be what ``ps`` shows of this process, as far as there is room."""
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 (as above)
        fields = file.read().rpartition(b")")[2].split()
    begin, end = int(fields[45]), int(fields[46])  # arg_start, arg_end: proc(5)
    words = b"\0".join(map(os.fsencode, argv))[: end - begin - 1].ljust(end - begin, b"\0")
    try:
        memory = os.open("/proc/self/mem", os.O_WRONLY)
    except OSError:  # a kernel may not allow that
        return
    with contextlib.suppress(OSError):
        os.pwrite(memory, words, begin)
    os.close(memory)


def _initial_environment() -> dict[bytes, bytes]:
    """What this process was started with."""
    descriptor = os.open("/proc/self/environ", os.O_RDONLY)
    with os.fdopen(descriptor, "rb") as file:
        entries = file.read().split(b"\0")
    pairs = (entry.partition(b"=") for entry in entries if entry)
    return {name: value for name, _, value in pairs}


def _bytes(text: str) -> bytes:
    """Text as the supervisor would hand it to a program; how that reads it is the locale's."""
    return text.encode("utf-8", "surrogateescape")
