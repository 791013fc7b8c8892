from pathlib import Path

import pytest

from stepcache.cache.ticket import Verify
from stepcache.errors import InputError
from stepcache.pipelines import policy_file
from stepcache.pipelines.policy import Policies, Policy, Rule

TEXT = """
[defaults]
max_staleness = "P7D"

[components."train-*"]
ignore_inputs = ["seed"]

[components.publish]
cache = "off"

[pipelines.nightly]
max_staleness = 60
verify = "exists"

[pipelines.nightly.components.publish]
cache = "on"
max_staleness = -1
"""


@pytest.fixture
def policies(tmp_path: Path) -> Policies:
    path = tmp_path / policy_file.NAME
    path.write_text(TEXT)
    return Policies(policy_file.read(path))


def test_the_special_goes_before_the_general(policies: Policies) -> None:
    week = 7 * 24 * 3600.0
    assert policies.of("p", "comp-other", "other") == Policy(max_staleness=week)
    assert policies.of("p", "comp-train-model", "x") == Policy(
        max_staleness=week, ignore_inputs=frozenset({"seed"})
    )
    assert policies.of("p", "comp-publish", "x") == Policy(cache=False, max_staleness=week)
    assert policies.of("nightly", "comp-publish", "x") == Policy(True, -1, None, Verify.EXISTS)
    assert policies.of("nightly", "comp-other", "x") == Policy(max_staleness=60, verify=Verify.EXISTS)


def test_what_follows_goes_before(policies: Policies) -> None:
    with_options = policies.followed_by([Rule(Policy(cache=False)), Rule(Policy(max_staleness=0), task="fit")])
    assert with_options.of("nightly", "comp-publish", "x").cache is False
    assert with_options.of("nightly", "comp-x", "outer/for-loop-1[3]/fit").max_staleness == 0
    assert with_options.of("nightly", "comp-x", "fit-2").max_staleness == 60


@pytest.mark.parametrize(
    ("pattern", "task", "applies"),
    [
        ("a/for-loop-1/fit", "a/for-loop-1[2]/fit", True),
        ("a/for-loop-1[2]/fit", "a/for-loop-1[2]/fit", True),
        ("a/for-loop-1[1]/fit", "a/for-loop-1[2]/fit", False),
        ("a/*", "a/b/c", True),
        ("fit", "a/fit", True),
        ("b", "a/b/c", False),
    ],
)
def test_a_task_is_found_by_its_path_or_name(pattern: str, task: str, applies: bool) -> None:
    assert Rule(Policy(), task=pattern).applies("p", "comp-c", task) is applies


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[defaults]\ncahce = 'off'", "did you mean 'cache'"),
        ("[defaults]\ncache = 'maybe'", r'\[defaults\] cache: expected "on" or "off"'),
        ("[defaults]\nmax_staleness = 'P7X'", "'P7X' is not a duration"),
        ("[defaults]\nmax_staleness = true", "expected a duration"),
        ("[pipelines.p]\nignore_inputs = 'x'", r'\[pipelines."p"\] ignore_inputs: expected a list'),
        ("[pipelines.p.components.c]\nverify = 'no'", "expected 'digest' or 'exists'"),
        ("[pipeline]\n", "did you mean 'pipelines'"),
        ("[defaults", "is not TOML"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / policy_file.NAME
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        policy_file.read(path)


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / policy_file.NAME
    path.write_text("[defaults]\ncache = 1\nverify = 2\nx = 3")
    with pytest.raises(InputError) as caught:
        policy_file.read(path)
    assert str(caught.value).count(";") == 2


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert policy_file.read(tmp_path / "nothing") == ()
