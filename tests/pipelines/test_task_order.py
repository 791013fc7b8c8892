from __future__ import annotations

import random
import re
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from stepcache.pipelines import task_order


@dataclass(frozen=True)
class Task:
    name: str
    position: int


def a_run(random_: random.Random, path: str = "", depth: int = 0) -> list[str]:
    """Names in an order in which a run may come to consider them: what is inside of something after it."""
    names = []
    for number in range(random_.randint(1, 3)):
        name = f"{path}task-{number}"
        names.append(name)
        if depth < 2 and random_.random() < 0.5:
            names += a_run(random_, f"{name}/", depth + 1)
        elif random_.random() < 0.3:
            iterations = [f"{name}[{index}]" for index in range(random_.choice([2, 12]))]
            random_.shuffle(iterations)
            for iteration in iterations:
                names.append(iteration)
                if depth < 2:
                    names += a_run(random_, f"{iteration}/", depth + 1)
    return names


def place(name: str, positions: dict[str, int]) -> tuple[int, ...]:
    """The numbers to sort by: of each thing that the task is inside of, and its own."""
    numbers: list[int] = []
    path = ""
    for step in re.findall(r"\[[0-9]+\]|/?[^/\[]+", name):
        path += step
        numbers.append(int(step[1:-1]) if step.startswith("[") else positions[path])
    return tuple(numbers)


@given(st.randoms(use_true_random=False))
def test_every_task_is_below_what_it_is_inside_of(random_: random.Random) -> None:
    names = a_run(random_)
    positions = {name: position for position, name in enumerate(names)}
    tasks = [Task(name, position) for name, position in positions.items()]
    random_.shuffle(tasks)
    ordered = [task.name for task in task_order.in_order(tasks)]
    assert ordered == sorted(names, key=lambda name: place(name, positions))


def test_what_is_inside_of_something_that_is_not_listed_stays_together() -> None:
    tasks = [Task("b/x", 4), Task("a/loop[10]", 3), Task("a/loop[9]", 5), Task("b/y", 1), Task("c", 2)]
    ordered = [task.name for task in task_order.in_order(tasks)]
    assert ordered == ["c", "a/loop[9]", "a/loop[10]", "b/y", "b/x"]
