"""How runs and tasks are named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.cli import run_reference, task_reference
from stepcache.errors import InputError
from stepcache.stores.memory import MemoryStore
from tests.stores.suite_runs import RUN

IDS = ["aaaa1111", "aaaa2222", "bbbb", "bbbb1"]


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore()
    for number, run_id in enumerate(IDS):
        await store.save_run(replace(RUN, run_id=run_id, created_at=float(number)))
    return store


@pytest.mark.parametrize(
    ("text", "expected"),
    [("aaaa1", "aaaa1111"), ("aaaa1111", "aaaa1111"), ("bbbb", "bbbb"), ("bbbb1", "bbbb1"), ("latest", "bbbb1")],
)
async def test_a_run_is_found_by_its_beginning(store: MemoryStore, text: str, expected: str) -> None:
    assert (await run_reference.resolve(text, store)).run_id == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aaaa", r"several runs: aaaa2222 \(pipeline ä\), aaaa1111 \(pipeline ä\)$"),
        ("aaa", "too short"),
        ("", "too short"),
        ("cccc", "no run 'cccc'"),
        ("AAAA1", "no run"),
    ],
)
async def test_what_names_no_run_says_what_would(store: MemoryStore, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        await run_reference.resolve(text, store)
    assert error.value.remedy


async def test_of_many_candidates_some_are_named() -> None:
    store = MemoryStore()
    for number in range(20):
        await store.save_run(replace(RUN, run_id=f"aaaa{number}", created_at=float(number)))
    with pytest.raises(InputError, match=r"aaaa19.*aaaa15.*, …$"):
        await run_reference.resolve("aaaa", store)


@given(st.sets(st.text("ab", min_size=1, max_size=12), min_size=1))
def test_a_shortened_id_names_one_run(run_ids: set[str]) -> None:
    short = run_reference.shortened(run_ids)
    assert short.keys() == run_ids
    for run_id, beginning in short.items():
        others = {other for other in run_ids if other.startswith(beginning)} - {run_id}
        assert run_id.startswith(beginning)
        assert not others or beginning == run_id  # then it is named by all of it


NAMES = ["train", "loop[0]/train", "loop[1]/train", "loop[1]", "loop[0]/evaluate", "report"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train", "train"),
        ("evaluate", "loop[0]/evaluate"),
        ("loop/evaluate", "loop[0]/evaluate"),
        ("loop[1]", "loop[1]"),
        ("loop[1]/train",) * 2,
    ],
)
def test_a_task_is_found_by_its_path_or_last_part(text: str, expected: str) -> None:
    assert task_reference.find(NAMES, text, "run 1") == expected


@pytest.mark.parametrize(
    ("names", "text", "message", "remedy"),
    [
        (NAMES[1:], "train", r"several tasks 'train': loop\[0\]/train, loop\[1\]/train", "whole path"),
        (NAMES, "loop/train", r"several tasks 'loop/train': loop\[0\]/train, loop\[1\]/train", "whole path"),
        (NAMES, "repport", "run 1 has no task 'repport'", "did you mean 'report'"),
        (NAMES, "x", "no task", "it has: train, loop"),
        ([], "x", "no task", "it has: none"),
    ],
)
def test_what_names_no_task_says_what_would(names: list[str], text: str, message: str, remedy: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        task_reference.find(names, text, "run 1")
    assert remedy in error.value.remedy
