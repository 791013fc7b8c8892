"""Keeps a database server company: ``python guard.py SIGNAL DIRECTORY [--user NAME] PROGRAM ARGUMENT...``

Starts the program, as another user if told to, and ends when it does. When standard input says ``stop``, the server
gets SIGNAL; when standard input ends, because whoever holds its other end is gone, even by SIGKILL, the directory
is removed too. If this process dies, so does the server.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1
_PATIENCE = 10.0


def start(arguments: list[str], user: str) -> subprocess.Popen[bytes]:
    def die_with_parent() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    entry = pwd.getpwnam(user) if user else None
    return subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        user=entry and entry.pw_uid,
        group=entry and entry.pw_gid,
        extra_groups=[] if entry else None,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - there is no other thread yet
    )


def end(server: subprocess.Popen[bytes], number: int) -> None:
    server.send_signal(number)
    try:
        server.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()


def main() -> int:
    number, directory, *arguments = sys.argv[1:]
    user = ""
    if arguments[0] == "--user":
        user, arguments = arguments[1], arguments[2:]
    # Ctrl-C is for the tests, which then stop this in an orderly way.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = start(arguments, user)

    def listen() -> None:
        told = os.read(0, 100)
        end(server, int(number))
        if not told:
            shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return server.wait() and 1


if __name__ == "__main__":
    sys.exit(main())
