"""How tasks use the cache, by pipeline, component and task: what is said about them beside the pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, fields
from fnmatch import fnmatchcase

from stepcache.cache.ticket import Verify
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import downstream


@dataclass(frozen=True, slots=True)
class Policy:
    """What is said about a task; None where nothing is."""

    cache: bool | None = None
    """Whether it uses the cache, whatever the pipeline says."""
    max_staleness: float | None = None
    """How old a result may be to be reused, in seconds: negative for no limit, 0 to execute anew and store."""
    ignore_inputs: frozenset[str] | None = None
    """Inputs that do not make two executions different."""
    verify: Verify | None = None
    """How a result's outputs are looked at before it is reused."""

    def over(self, other: Policy) -> Policy:
        """This policy, and where it says nothing, the other."""
        chosen = {}
        for one in fields(self):
            mine = getattr(self, one.name)
            chosen[one.name] = getattr(other, one.name) if mine is None else mine
        return Policy(**chosen)


_NOTHING = Policy()


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy and what it is for: patterns as in a shell; None for everything."""

    policy: Policy
    pipeline: str | None = None
    component: str | None = None
    task: str | None = None
    within: frozenset[str] | None = None
    """Paths of tasks, not patterns: the rule is for these and all that is inside of them."""
    source: str = field(default="", compare=False)
    """Where it is written, for people."""

    def applies(self, pipeline: str, component: str, task: str) -> bool:
        """Whether the rule is for the task with the path ``task``, which executes ``component``."""
        return (
            _matches(self.pipeline, (pipeline,))
            and _matches(self.component, (component, component.removeprefix("comp-")))
            and _matches(self.task, _names(task))
            and (self.within is None or downstream.is_in(task, self.within))
        )


@dataclass(frozen=True, slots=True)
class Policies:
    """Rules in rising precedence."""

    rules: tuple[Rule, ...] = ()

    def of(self, pipeline: str, component: str, task: str) -> Policy:
        """What the rules together say about a task."""
        policy = _NOTHING
        for rule in self.rules:
            if rule.applies(pipeline, component, task):
                policy = rule.policy.over(policy)
        return policy

    def set_by(self, setting: str, pipeline: str, component: str, task: str) -> str:
        """Where that is written which decides about one setting of a task; empty where nothing is."""
        found = ""
        for rule in self.rules:
            if getattr(rule.policy, setting) is not None and rule.applies(pipeline, component, task):
                found = rule.source
        return found

    def followed_by(self, rules: Iterable[Rule]) -> Policies:
        """These policies with more rules, of higher precedence."""
        return Policies((*self.rules, *rules))


def _names(task: str) -> tuple[str, ...]:
    """What a task may be called: its path, that without the indices of loops, and the last part of it."""
    plain = downstream.without_indices(task)
    return (task, plain, plain.rpartition("/")[2])


def _matches(pattern: str | None, names: Iterable[str]) -> bool:
    # A path with the index of an iteration would read as a set of characters to the pattern: compare it first.
    return pattern is None or any(name == pattern or fnmatchcase(name, pattern) for name in names)
