"""Checking a model with spin: every state that the bounds allow is visited."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).with_name("protocol.pml")
PATIENCE = 3600.0  # seconds; only a broken model, or wide bounds on a busy machine, take so long

_STATES = re.compile(r"^ *([0-9.e+]+) states, stored", re.MULTILINE)
_ERRORS = re.compile(r"errors: (\d+)")
_CAUSE = re.compile(r"^pan:1: (.*?)(?: \(at depth \d+\))?$", re.MULTILINE)
_UNREACHED = re.compile(r"^unreached in proctype (\w+)\n(.*?)\((\d+) of \d+ states\)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found."""

    states: int
    errors: int
    cause: str
    """The property that was violated first, in spin's words; empty if none was."""
    unreached: dict[str, int]
    """How many statements of each process no history reaches. Only a search without errors knows."""


def missing_programs() -> list[str]:
    """Which programs must be installed first; on Debian the packages have the same names."""
    return [program for program in ("spin", "gcc") if shutil.which(program) is None]


def search(
    defines: str, directory: Path, *, cycles: bool = False, megabytes: int = 2000, quick: bool = False
) -> Outcome:
    """Visit every state of the model with the words ``defines``; ``directory`` is for what spin makes.

    Looks for violated assertions and for states in which somebody waits for ever; with ``cycles``, for histories
    that never end instead. ``quick`` is for few states: the C compiler takes no time to make the search fast.
    """
    words = [f"-D{word}" for word in defines.split()]
    _run(["spin", "-a", *words, str(MODEL)], directory)
    # -O1: what more optimization saves is less than it takes. NOREDUCE: the reduction does not know `provided`.
    options = ["-O0" if quick else "-O1", "-w", "-DNOREDUCE", "-DNOFAIR", f"-DMEMLIM={megabytes}"]
    options.append("-DNP" if cycles else "-DSAFETY")
    _run(["gcc", *options, "-o", "pan", "pan.c"], directory)
    report = _run([str(directory / "pan"), "-m20000", "-w22", *(["-l"] if cycles else [])], directory)
    return _outcome(report)


def violation(defines: str, directory: Path) -> str:
    """The last steps of the history in which ``search`` found a violation, in the model's own statements."""
    words = [f"-D{word}" for word in defines.split()]
    trail = directory / f"{MODEL.name}.trail"
    steps = _run(["spin", "-k", str(trail), "-p", *words, str(MODEL)], directory, check=False)
    return "\n".join(steps.splitlines()[-60:])


def _outcome(report: str) -> Outcome:
    states, errors = _STATES.search(report), _ERRORS.search(report)
    complete = "Search not completed" not in report and "max search depth too small" not in report
    if states is None or errors is None or not (complete or int(errors[1])):
        raise AssertionError(f"the search was not completed:\n{report}")
    cause = _CAUSE.search(report)
    return Outcome(
        states=int(float(states[1])),
        errors=int(errors[1]),
        cause="" if cause is None else cause[1],
        unreached={name: int(count) for name, _, count in _UNREACHED.findall(report)},
    )


def _run(command: Sequence[str], directory: Path, *, check: bool = True) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
