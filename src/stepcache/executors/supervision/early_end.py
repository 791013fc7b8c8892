"""Ending a step's interpreter without taking it apart, when that would change nothing that anybody can see.

Taking apart what a worker and its steps share means to copy most of it first, which costs more than a small step
does. It has an effect through what may run then: threads that are waited for, functions that were registered,
finalizers, C libraries. With none of these, ending the process is all that is left.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import types
import weakref
from typing import Any

_LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120 (this runs in each step, where pathlib is slow)
_LOADERS = ("ctypes", "_ctypes")  # of libraries that are no modules


class EarlyEnd:
    """What a worker's interpreter would have to do at its end; compared with that, what a step's has to."""

    def __init__(self, modules: frozenset[str]) -> None:
        """Remember the calling interpreter, which has imported ``modules``, before ``gc.freeze``."""
        self._modules = modules
        self._functions = atexit._ncallbacks()  # noqa: SLF001 (there is no other way to know of them)
        # What the site's own start-up code left may have a finalizer; KFP and the standard library left none.
        packages = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"__main__", "kfp"}
        self._possible = not packages or not _have_finalizers(_without_streams(gc.get_objects()))

    def end(self) -> None:
        """End this process, whose program has returned, with exit code 0. Returns if there is more to do."""
        try:
            plain = self._possible and self._is_plain() and not _have_finalizers(gc.get_objects())
        except Exception:  # noqa: BLE001 (a program can make anything of its modules and classes)
            return
        if plain:
            atexit._run_exitfuncs()  # noqa: SLF001 (what the end of an interpreter calls)
            os._exit(0)

    def _is_plain(self) -> bool:
        threading = sys.modules["threading"]
        return (
            len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 (as above)
            and not threading._threading_atexits  # noqa: SLF001 (of executors with threads)
            and atexit._ncallbacks() == self._functions  # noqa: SLF001 (as above)
            and sys.stdout is sys.__stdout__
            and sys.stderr is sys.__stderr__
            and not any(stream is None or stream.closed for stream in (sys.stdout, sys.stderr))
            and sys.gettrace() is None
            and sys.getprofile() is None
            and not any(_has_code_of_its_own(name) for name in sys.modules.keys() - self._modules)
        )


def _without_streams(objects: list[Any]) -> list[Any]:
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    buffers = [getattr(stream, "buffer", None) for stream in streams]
    parts = (*streams, *buffers, *(getattr(buffer, "raw", None) for buffer in buffers))
    known = set(map(id, parts))
    return [one for one in objects if id(one) not in known]


def _has_code_of_its_own(name: str) -> bool:
    """Whether a module is more than Python code and the standard library."""
    spec = getattr(sys.modules[name], "__spec__", None)
    origin = getattr(spec, "origin", None) or ""
    return name in _LOADERS or not (
        origin.endswith(".py") or origin in ("built-in", "frozen") or origin.startswith(f"{_LIBRARY}/lib-dynload/")
    )


def _have_finalizers(objects: list[Any]) -> bool:
    """Whether something may run when they are deleted: of themselves, of an instance, or of who refers to them."""
    kinds = set(map(type, objects))
    if any(hasattr(kind, "__del__") for kind in kinds):
        return True
    of_classes = {kind for kind in kinds if issubclass(kind, type)}
    of_references = {kind for kind in kinds if issubclass(kind, weakref.ReferenceType)}
    return any(_finalizes(one) for one in objects if type(one) in of_classes) or any(
        _tells(one) for one in objects if type(one) in of_references
    )


def _finalizes(one: type) -> bool:
    """Whether instances of a class, which the collector may not know, have a finalizer."""
    return "__del__" in one.__dict__ and not _is_standard(one)


def _tells(one: weakref.ReferenceType[Any]) -> bool:
    callback = one.__callback__
    built_in = callback is None or isinstance(callback, types.BuiltinFunctionType)
    return not built_in and not _is_standard(callback)


def _is_standard(one: Any) -> bool:
    return str(getattr(one, "__module__", None)).partition(".")[0] in sys.stdlib_module_names
