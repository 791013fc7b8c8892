"""Each reason has words and a remedy of its own."""

from __future__ import annotations

import pytest

from stepcache.cache.reason import Reason
from stepcache.pipelines.evidence import ENTRY, Evidence
from stepcache.pipelines.explaining import reason_words, spans
from stepcache.pipelines.explaining.reason_words import Found

DAY = 86400.0


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_without_any_evidence(reason: Reason) -> None:
    words = reason_words.of(reason, Found(Evidence()))
    assert words.sentence.startswith(reason.replace("_", " "))
    assert words.remedy


def test_no_two_reasons_say_the_same() -> None:
    said = {reason_words.of(reason, Found(Evidence())).sentence for reason in Reason}
    assert len(said) == len(Reason)


def test_stale_says_how_old_and_who_set_the_limit() -> None:
    rule = 'stepcache.toml [components."train"]'
    found = Found(Evidence(set_by=rule, age=8.4 * DAY, limit=7 * DAY))
    sentence = reason_words.of(Reason.STALE, found).sentence
    assert sentence == f"stale: 8 days old, limit P7D, set by {rule}"
    own = Found(Evidence(set_by=ENTRY, age=90.0, limit=60.0))
    assert reason_words.of(Reason.STALE, own).sentence == "stale: 90 s old, limit PT1M, set by the entry itself"


def test_evidence_is_read_as_it_was_written() -> None:
    for evidence in (Evidence(), Evidence("--refresh", 1.5, 0.0, "ab" * 32)):
        assert Evidence.from_text(evidence.to_text()) == evidence
    assert Evidence.from_text("") == Evidence()


@pytest.mark.parametrize(
    ("seconds", "words", "iso"),
    [
        (0, "0.0 s", "PT0S"),
        (1.25, "1.2 s", "PT1.25S"),
        (90, "90 s", "PT1M30S"),
        (3600, "60 minutes", "PT1H"),
        (7 * DAY, "7 days", "P7D"),
        (1.5 * DAY, "36 hours", "P1DT12H"),
    ],
)
def test_spans(seconds: float, words: str, iso: str) -> None:
    assert (spans.words(seconds), spans.iso(seconds)) == (words, iso)
