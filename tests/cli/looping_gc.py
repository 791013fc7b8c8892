"""Runs ``stepcache gc`` on a home, again and again, until its standard input ends; then it says what came of it."""

from __future__ import annotations

import contextlib
import io
import json
import selectors
import sys

from stepcache.cache.retention.collector import Collector
from stepcache.cli import main


def loop(home: str, *arguments: str) -> dict[str, int]:
    """The sums, over all rounds, of what went; and how many rounds failed."""
    defaults = Collector.__init__.__kwdefaults__
    assert defaults is not None
    defaults["stray_age"] = 0.0
    total = {"rounds": 0, "failed": 0, "entries": 0, "artifacts": 0, "in_use": 0}
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    while not selector.select(0):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = main.main(["--home", home, "gc", *arguments, "--json"])
        total["rounds"] += 1
        total["failed"] += code != 0
        if code == 0:
            told = json.loads(output.getvalue())
            for name in ("entries", "artifacts", "in_use"):
                total[name] += told[name]
    return total


if __name__ == "__main__":
    print(json.dumps(loop(*sys.argv[1:])))
