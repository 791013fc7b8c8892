"""The suite can fail: KFP's check-then-insert fails it, at every promise that it does not keep."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stepcache.stores.sqlite import schema
from tests.stores.kfp_control import CheckThenInsertStore
from tests.stores.suite import StoreSuite
from tests.stores.worlds import sqlite_world

BROKEN: dict[str, dict[str, object]] = {
    # P1
    "test_many_puts_at_once_leave_one_row": {},
    # P2
    "test_one_of_many_claimers_at_once_is_granted": {},
    "test_one_of_many_is_granted_an_expired_claim": {},
    # P3
    "test_an_old_holder_changes_nothing_after_a_takeover": {"way": "expiry"},
    "test_both_halves_of_the_fence_count": {},
    "test_a_claim_that_was_taken_over_is_lost_and_not_revoked": {},
    "test_an_invalidated_claim_cannot_publish": {},
    # A refresh, and what stands in its way (kfp.md 1.6, defects 4 and 5)
    "test_a_row_that_nobody_can_use_does_not_block_a_put": {"own": 5},
    "test_a_row_that_nobody_can_use_does_not_block_a_claim": {"own": 0},
    "test_a_put_replaces_at_the_entrys_own_limit_exactly": {},
    "test_put_lets_a_fresh_entry_stand_and_answers_it": {},
    "test_a_refresh_is_made_in_place": {},
    "test_a_withdrawal_spares_a_refreshed_entry": {},
    "test_one_of_many_withdrawals_at_once_withdraws": {},
    "test_the_token_rises_over_releases_publishes_and_takeovers": {},
}


@pytest.fixture(autouse=True)
def no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table without the unique index is refused at the door; the control needs to get in."""
    monkeypatch.setattr(schema, "_check_kfp_table", lambda *_: None)


@pytest.mark.parametrize("name", BROKEN)
async def test_check_then_insert_fails_the_suite(tmp_path: Path, name: str) -> None:
    async with sqlite_world(tmp_path / "store.db", make=CheckThenInsertStore) as world:
        # An AssertionError of the suite, or KFP's own "there is a row": not a mistake in the control.
        with pytest.raises((AssertionError, RuntimeError)):
            await _test(name)(world, **BROKEN[name])


@pytest.mark.parametrize(
    "name",
    ["test_a_free_key_is_granted", "test_put_stores_and_answers_the_entry", "test_a_withdrawn_entry_is_gone"],
)
async def test_check_then_insert_passes_where_nobody_is_in_the_way(tmp_path: Path, name: str) -> None:
    async with sqlite_world(tmp_path / "store.db", make=CheckThenInsertStore) as world:
        await _test(name)(world)


async def test_check_then_insert_leaves_duplicates_every_time(tmp_path: Path) -> None:
    async with sqlite_world(tmp_path / "store.db", make=CheckThenInsertStore) as world:
        with pytest.raises(AssertionError):
            await StoreSuite().test_many_puts_at_once_leave_one_row(world)
        duplicates = await world.store.duplicates()
    assert [count for _, count in duplicates] == [12] * 4


def _test(name: str) -> Callable[..., Awaitable[None]]:
    test: Callable[..., Awaitable[None]] = getattr(StoreSuite(), name)
    assert inspect.iscoroutinefunction(test)
    return test
