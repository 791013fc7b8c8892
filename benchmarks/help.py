"""What ``stepcache --help`` costs, and the help of each command, beside ``python -c pass`` in the same run.

    python benchmarks/help.py [--json] [--rounds 15]

Command lines are typed all day, and completion runs one at every press of a key. Ratios of one run matter, not the
figures of one machine: help costs at most eight times what the bare interpreter does (exit code 1 if more).
Modules are those that it imports beside the interpreter's own, and what their imports take.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

from stepcache.cli.main import COMMANDS

LIMIT = 8.0
STEPCACHE = (sys.executable, "-m", "stepcache")
PASS = (sys.executable, "-c", "pass")
_IMPORT = re.compile(r"^import time:\s+(?P<own>\d+) \|\s+\d+ \| +(?P<name>\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Measurement:
    """One command line; the time is the median over the rounds, in milliseconds."""

    line: str
    milliseconds: float
    ratio: float
    """To the bare interpreter."""
    modules: int
    import_milliseconds: float


def once(command: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def imports(command: tuple[str, ...]) -> dict[str, int]:
    """The modules that a Python command imports, and how many microseconds each of them takes by itself."""
    python, *rest = command
    ended = subprocess.run([python, "-X", "importtime", *rest], capture_output=True, text=True, check=True)
    return {match["name"]: int(match["own"]) for match in _IMPORT.finditer(ended.stderr)}


def measure(rounds: int) -> list[Measurement]:
    lines = {"python -c pass": PASS, "stepcache --help": (*STEPCACHE, "--help")}
    lines |= {f"stepcache {name} --help": (*STEPCACHE, name, "--help") for name in COMMANDS}
    times: dict[str, list[float]] = {line: [] for line in lines}
    for _ in range(rounds + 1):  # by turns: what else the machine does meets all; the first warms up
        for line, command in lines.items():
            times[line].append(once(command))
    medians = {line: statistics.median(of_line[1:]) for line, of_line in times.items()}
    bare = imports(PASS)
    measured = []
    for line, command in lines.items():
        more = {name: cost for name, cost in imports(command).items() if name not in bare}
        ratio = medians[line] / medians["python -c pass"]
        measured.append(Measurement(line, medians[line], ratio, len(more), sum(more.values()) / 1000))
    return measured


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    measured = measure(arguments.rounds)
    if arguments.json:
        print(json.dumps([asdict(one) for one in measured]))
    else:
        print(f"{'':<28} {'ms':>7} {'ratio':>6} {'modules':>8} {'import ms':>10}")
        for one in measured:
            figures = (
                f"{one.milliseconds:>7.1f} {one.ratio:>6.1f} {one.modules:>8} {one.import_milliseconds:>10.1f}"
            )
            print(f"{one.line:<28} {figures}")
    too_slow = [one.line for one in measured if one.ratio > LIMIT]
    if too_slow:
        print(f"more than {LIMIT:g} times the bare interpreter: {', '.join(too_slow)}", file=sys.stderr)
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
