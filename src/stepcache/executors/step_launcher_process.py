"""Starts one step: a program of its own, run as ``python -I -S`` on this file with the step's command behind it.

It puts the step's mounts into place, in a mount namespace that nobody else sees. Then it becomes the step; or, when
there are secrets to mask, it stays between the step and its log for as long as the step lives.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from stepcache.executors.redaction import Redactor

PROBE = "--probe"
"""In place of a command: try whether mounts can be made, and say why not."""

NO_MOUNTS = 125
"""The exit code when the mounts could not be made, as of other programs that start others (env, docker)."""

NO_PROGRAM = 127
"""The exit code when the step's program could not be started, as of a shell."""

_VARIABLE = "STEPCACHE_LAUNCH_"
_PIECE = 100_000  # characters: Linux takes at most 128 KiB in one variable
_PR_SET_PDEATHSIG = 1
_CHUNK = 1 << 16
_LAST = 1 << 20  # bytes that are still taken after the step has ended: no pipe holds more
_WITHOUT_PIDFD = 50  # milliseconds between two looks at the step, before Linux 5.3
_NEVER_CAUGHT = {signal.SIGKILL, signal.SIGSTOP}


def packed(document: str) -> dict[str, str]:
    """``document`` as environment variables for this program."""
    pieces = [document[start : start + _PIECE] for start in range(0, len(document), _PIECE)]
    return {f"{_VARIABLE}{number}": piece for number, piece in enumerate(pieces)}


def unpacked(environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The document, and the environment without it."""
    pieces: list[str] = []
    while (piece := environment.get(f"{_VARIABLE}{len(pieces)}")) is not None:
        pieces.append(piece)
    rest = {name: value for name, value in environment.items() if not name.startswith(_VARIABLE)}
    document: dict[str, Any] = json.loads("".join(pieces))
    return document, rest


def _enter_mounts(documents: list[dict[str, Any]], stage: str) -> None:
    from stepcache.executors.private_mounts import DirectoryMount, FilesMount, Mount, MountError, enter

    mounts: list[Mount] = [
        FilesMount(item["target"], {name: base64.b64decode(data) for name, data in item["files"].items()})
        if "files" in item
        else DirectoryMount(item["target"], item["source"], item["read_only"])
        for item in documents
    ]
    try:
        enter(mounts, stage)
    except (MountError, OSError) as error:
        _say(str(error))
        os._exit(NO_MOUNTS)


def _probe() -> NoReturn:
    import tempfile

    from stepcache.executors.private_mounts import FilesMount, MountError, enter

    with tempfile.TemporaryDirectory(prefix="stepcache-") as stage:
        child = os.fork()  # so that the directory can be removed from outside the namespace
        if child == 0:
            try:
                enter([FilesMount("/stepcache-probe/files", {"file": b"content"})], stage)
                os._exit(0)
            except (MountError, OSError) as error:
                os.write(2, f"{error}\n".encode())
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _become(argv: list[str], environment: dict[str, str]) -> NoReturn:
    """Execute the step's program in this process, as its supervisor would have."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)  # Python ignores some, and would hand that down
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.execvpe(argv[0], argv, environment)  # noqa: S606 (a step's command is no shell text)
    except OSError as error:
        _say(f"cannot start {argv[0]!r}: {error.strerror}")
    finally:
        os._exit(NO_PROGRAM)


def _run_masked(argv: list[str], environment: dict[str, str], redactor: Redactor) -> NoReturn:
    """Execute the step in a child, its output masked on the way to the log; end as it ends."""
    # What stops the step is sent to its group, and is for the step to answer: this process outlives it.
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
    reader, writer = os.pipe()
    parent = os.getpid()
    step = os.fork()
    if step == 0:
        _die_with_parent(parent)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        _become(argv, environment)
    os.close(writer)
    if signal.SIGTERM in signal.sigpending():  # it may have come before the fork, for this process alone
        os.kill(step, signal.SIGTERM)
    _end_as(_pump(step, reader, redactor))


def _pump(step: int, reader: int, redactor: Redactor) -> int:
    """Pass the step's output on until it has ended; how it ended."""
    from stepcache.executors.redaction import RedactingStream

    stream = RedactingStream(redactor)
    os.set_blocking(reader, False)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    timeout = None
    try:
        poll.register(os.pidfd_open(step), select.POLLIN)
    except OSError:
        timeout = _WITHOUT_PIDFD
    while True:
        events = poll.poll(timeout)
        ended, status = os.waitpid(step, os.WNOHANG)
        if any(descriptor == reader for descriptor, _ in events) and not _pass_on(reader, stream.feed, _CHUNK):
            poll.unregister(reader)  # the step has closed its output, and goes on
        if ended:
            _pass_on(reader, stream.feed, _LAST)
            _write(stream.end())
            return os.waitstatus_to_exitcode(status)


def _pass_on(reader: int, mask: Any, most: int) -> bool:
    """Write what there is to read, up to ``most`` bytes; False at its end."""
    while most > 0:
        try:
            data = os.read(reader, min(most, _CHUNK))
        except BlockingIOError:
            return True
        if not data:
            return False
        _write(mask(data))
        most -= len(data)
    return True


def _write(data: bytes) -> None:
    rest = memoryview(data)
    with contextlib.suppress(OSError):  # a full disk costs the log, not the step, which must not wait for ever
        while rest:
            rest = rest[os.write(1, rest) :]


def _end_as(status: int) -> NoReturn:
    if status < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the step left one, if any
        if -status not in _NEVER_CAUGHT:
            signal.signal(-status, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (-status,))
        os.kill(os.getpid(), -status)
    os._exit(status if status >= 0 else 128 - status)


def _die_with_parent(parent: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _say(message: str) -> None:
    os.write(2, f"stepcache: {message}\n".encode("utf-8", "surrogateescape"))


def main() -> NoReturn:
    """Start the command that the arguments are."""
    # Alone on its path is the standard library; behind it, what this program shares with the engine.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120
    argv = sys.argv[1:]
    if argv == [PROBE]:
        _probe()
    from stepcache.executors.redaction import Redactor

    document, environment = unpacked(os.environ)
    if document["mounts"]:
        _enter_mounts(document["mounts"], document["stage"])
    redactor = Redactor(base64.b64decode(needle) for needle in document["needles"])
    if redactor:
        _run_masked(argv, environment, redactor)
    _become(argv, environment)


if __name__ == "__main__":
    main()
