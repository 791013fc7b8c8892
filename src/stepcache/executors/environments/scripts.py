"""The scripts of an environment, made to run by the Python of whichever step calls them."""

from __future__ import annotations

import os
import re
from pathlib import Path

_LINE = b"#!/usr/bin/env python3\n"
_DIRECT = re.compile(rb"#![^\n]*\n")
# for paths that no kernel takes in a first line
_THROUGH_A_SHELL = re.compile(rb"#!/bin/sh\n'''exec' [^\n]*\n' '''\n")


def free(directory: Path, prefix: Path) -> None:
    """Have every Python script in ``directory`` look up ``python3`` on the ``PATH``.

    Installers write the path of the environment's Python, which is below ``prefix``. A step has a Python of its
    own, first on its ``PATH``; with another one, a script would neither find what the step installed, nor install
    for the step alone. Raises OSError.
    """
    for path in directory.iterdir() if directory.is_dir() else ():
        if not path.is_symlink() and path.is_file():
            content = path.read_bytes()
            through, direct = _THROUGH_A_SHELL.match(content), _DIRECT.match(content)
            if through is not None:  # an installer's, whichever way the path is quoted in it
                path.write_bytes(_LINE + content[through.end() :])
            elif direct is not None and os.fsencode(prefix) in direct[0]:
                path.write_bytes(_LINE + content[direct.end() :])
