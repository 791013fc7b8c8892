"""That examples are compared with what is printed, and not with anything."""

from __future__ import annotations

import pytest

from tests.docs.expected import Names


@pytest.mark.parametrize(
    ("shown", "printed", "is_it"),
    [
        ("a  b", "a b\n", True),
        ("a b", "ab", False),
        ("a b", "a c", False),
        ("a … c", "a b b c", True),
        ("a … c", "a b b d", False),
        ("at 2026-01-02 03:04:05, in 1.5 s", "at 1999-12-31 23:59:59, in 2 min 3 s", True),
        ("at 2026-01-02 03:04:05", "at noon", False),
        ("in 1.5 s", "in 1.5 t", False),
        ("3 executed", "2 executed", False),
        ("run 3f2a91c4 of 3f2a91c4", "run 00112233 of 00112233", True),
        ("run 3f2a91c4 of 3f2a91c4", "run 00112233 of 33221100", False),
        ("run 3f2a91c4", "run nothing", False),
        ("run 3f2a91c4-…", "run 00112233-4455", True),
        ("defaced", "effaced", False),
    ],
)
def test_what_is_shown_is_what_is_printed(shown: str, printed: str, is_it: bool) -> None:
    assert Names().match(shown, printed) is is_it


def test_an_id_stands_for_the_same_in_all_examples_and_commands() -> None:
    names = Names()
    assert names.in_command("show 3f2a") == "show 3f2a"
    assert names.match("run 3f2a91c4\nrun 77aa88bb", "run 00112233\nrun aabbccdd")
    assert names.in_command("show 3f2a --of 77aa88bb abc 9999") == "show 00112233 --of aabbccdd abc 9999"
    assert names.match("3f2a91c4", "00112233")
    assert not names.match("3f2a91c4", "aabbccdd")


def test_what_did_not_match_names_nothing() -> None:
    names = Names()
    assert not names.match("3f2a91c4 x", "00112233 y")
    assert names.in_command("show 3f2a") == "show 3f2a"
