"""Runs one of the programs: ``python DIRECTORY supervisor|worker …``, DIRECTORY being this file's own."""

from __future__ import annotations

import importlib
import os
import sys


def _main() -> None:
    program = sys.argv[1]
    sys.path[0] = os.path.dirname(sys.path[0])  # noqa: PTH120 (a worker imports nothing but what its steps need)
    module = importlib.import_module(f"supervision.{program}_process")
    del sys.path[0]
    module.main(*sys.argv[2:])


if __name__ == "__main__":
    _main()
