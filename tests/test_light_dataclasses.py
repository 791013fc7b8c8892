from __future__ import annotations

import copy
import pickle
from dataclasses import field, fields, replace

import pytest

from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    first: int
    second: str = "b"
    secret: str = field(default="", repr=False)
    note: str = field(default="", compare=False)


@dataclass(slots=True)
class Counter:
    count: int = 0


@dataclass(slots=True, eq=False)
class Ticket:
    number: int


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


@dataclass(frozen=True, kw_only=True)
class Base:
    name: str


@dataclass(frozen=True, kw_only=True)
class Derived(Base):
    size: int = 0

    def __repr__(self) -> str:
        return f"<{self.name}>"


def test_objects_are_equal_by_the_fields_that_compare() -> None:
    assert Pair(1) == Pair(1, "b", "", "noted")
    assert Pair(1) != Pair(1, "c")
    assert Pair(1) != Pair(1, secret="s")
    assert Nothing() == Nothing()
    assert Derived(name="a") != Base(name="a")
    assert Pair(1).__eq__((1, "b", "")) is NotImplemented


def test_equal_objects_have_one_hash_and_changing_ones_none() -> None:
    assert len({Pair(1), Pair(1, note="noted"), Pair(2), Nothing(), Nothing()}) == 3
    assert hash(Derived(name="a", size=1)) == hash(Derived(name="a", size=1))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter())
    assert Counter(1) == Counter(1)


def test_objects_without_equality_are_told_apart() -> None:
    one = Ticket(1)
    assert one == one  # noqa: PLR0124 - by identity
    assert one != Ticket(1)
    assert len({one, Ticket(1)}) == 2


def test_what_is_not_to_be_shown_is_not() -> None:
    assert repr(Pair(1, secret="s")) == "Pair(first=1, second='b', note='')"
    assert repr(Nothing()) == "Nothing()"
    assert repr(Derived(name="a")) == "<a>"


def test_an_object_inside_of_itself_is_shown() -> None:
    counter = Counter()
    counter.count = [counter]  # type: ignore[assignment]
    assert repr(counter) == "Counter(count=[...])"


def test_they_are_dataclasses() -> None:
    pair = replace(Pair(1), second="c")
    assert (pair.first, pair.second) == (1, "c")
    assert [one.name for one in fields(Derived)] == ["name", "size"]
    assert copy.deepcopy(pair) == pair
    assert pickle.loads(pickle.dumps(pair)) == pair
    match pair:
        case Pair(first, second):
            assert (first, second) == (1, "c")
    with pytest.raises(AttributeError):
        pair.other = 1  # type: ignore[attr-defined]
