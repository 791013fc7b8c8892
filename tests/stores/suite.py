"""The store suite: what every back end must pass, unchanged (protocol.md, Proof).

A back end's test file has one class that inherits ``StoreSuite`` and gives it a fixture ``world``::

    class TestMyStore(StoreSuite):
        @pytest.fixture
        async def world(self) -> AsyncIterator[World]: ...
"""

from __future__ import annotations

from tests.stores.suite_browsing import BrowsingSuite
from tests.stores.suite_claims import ClaimSuite
from tests.stores.suite_collection import CollectionSuite
from tests.stores.suite_doors import DoorSuite
from tests.stores.suite_entries import EntrySuite
from tests.stores.suite_fencing import FencingSuite
from tests.stores.suite_history import HistorySuite
from tests.stores.suite_invalidation import InvalidationSuite
from tests.stores.suite_runs import RunSuite
from tests.stores.suite_staleness import StalenessSuite
from tests.stores.suite_standing import StandingSuite
from tests.stores.suite_statistics import StatisticsSuite
from tests.stores.suite_watching import WatchingSuite


class StoreSuite(
    ClaimSuite,
    FencingSuite,
    EntrySuite,
    StalenessSuite,
    InvalidationSuite,
    WatchingSuite,
    StandingSuite,
    RunSuite,
    BrowsingSuite,
    HistorySuite,
    StatisticsSuite,
    CollectionSuite,
    DoorSuite,
):
    """All of it."""
