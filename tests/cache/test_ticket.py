from __future__ import annotations

from stepcache.cache.ticket import Ticket
from stepcache.stores.claim import Busy


def busy(failures: int) -> Busy:
    return Busy("0" * 64, "c" * 32, 1, "{}", lease_left=60, held_for=0, failures=failures)


def test_failures_before_the_wait_do_not_count() -> None:
    ticket = Ticket("0" * 64, attempts=2)
    assert not ticket.is_exhausted(100)
    ticket.wait_for(busy(7))
    ticket.wait_for(busy(8))
    assert not ticket.is_exhausted(8)
    assert ticket.is_exhausted(9)


def test_time_counts_from_the_first_question() -> None:
    ticket = Ticket("0" * 64)
    assert ticket.asked() == 0
    first = ticket.first_asked
    assert ticket.asked() >= 0
    assert ticket.first_asked == first
