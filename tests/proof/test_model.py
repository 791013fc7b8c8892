"""The protocol, every history of it within bounds (docs/proof.md)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.proof.scenarios import HOLDS, LIMITS, LONG, MUTANTS, Holds, Mutant
from tests.proof.spin import missing_programs, search, violation
from tests.servers.missing import missing


@pytest.fixture(autouse=True)
def programs() -> None:
    if names := " ".join(missing_programs()):
        missing(f"the model of the protocol needs spin and gcc; on Debian: apt-get install {names}")


@pytest.mark.parametrize("bounds", HOLDS, ids=lambda bounds: bounds.name)
def test_the_protocol_keeps_its_promises(tmp_path: Path, bounds: Holds) -> None:
    holds(bounds, tmp_path)


@pytest.mark.skipif(os.environ.get("STEPCACHE_PROOF") != "long", reason="takes minutes: set STEPCACHE_PROOF=long")
@pytest.mark.parametrize("bounds", LONG, ids=lambda bounds: bounds.name)
def test_the_protocol_keeps_its_promises_within_wider_bounds(tmp_path: Path, bounds: Holds) -> None:
    holds(bounds, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_a_mutant_is_caught(tmp_path: Path, mutant: Mutant) -> None:
    breaks(mutant, tmp_path)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.rule)
def test_a_limit_costs_a_second_execution_and_nothing_else(tmp_path: Path, limit: Mutant) -> None:
    breaks(limit, tmp_path)
    defines = f"TROUBLES=1 RENEWALS=0 LEASE=1 {limit.rule} WITHOUT_P4"
    outcome = search(defines, tmp_path, quick=True)
    assert outcome.errors == 0, f"{outcome.cause}\n{violation(defines, tmp_path)}"


def holds(bounds: Holds, directory: Path) -> None:
    outcome = search(bounds.defines, directory, cycles=bounds.cycles, megabytes=bounds.megabytes)
    assert outcome.errors == 0, f"{outcome.cause}\n{violation(bounds.defines, directory)}"
    assert outcome.states > bounds.states
    if bounds.reaches_everything:
        # Processes that never end do not reach their end, and nothing else is out of reach.
        assert outcome.unreached == {"Worker": 0, "Fate": 1, "Others": 1, "Clock": 1}


def breaks(mutant: Mutant, directory: Path) -> None:
    defines = f"{mutant.defines} {mutant.rule}"
    outcome = search(defines, directory, quick=True)
    assert outcome.errors > 0, "the search found no history in which the rule matters"
    assert mutant.broken in outcome.cause, f"{outcome.cause}\n{violation(defines, directory)}"
