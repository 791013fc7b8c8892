"""What runs were asked, kept and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.cache.ticket import Verify
from stepcache.executors.redaction import MASK
from stepcache.pipelines.engine import Options
from stepcache.pipelines.mask import Mask
from stepcache.pipelines.model import Component, Dag, InputParameter, ParameterType
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.concealment import Concealment
from stepcache.pipelines.platform.keyed_values import KeyedValues
from stepcache.pipelines.policy import Policies, Policy, Rule
from stepcache.pipelines.root_inputs import RootInputs
from stepcache.pipelines.run_request import KeptRequest, References, Request

SECRET = "pl4nted-S3CRET"
NOTHING = Concealment(Bindings(), Mask(b"key"))
PLANTED = Concealment(Bindings({"db": KeyedValues(sole=SECRET.encode())}), Mask(b"key"))

texts = st.text(max_size=8)
maybe_texts = st.none() | texts
names = st.none() | st.frozensets(texts, max_size=3)
numbers = st.none() | st.floats(-1, 1e9)
policies = st.builds(Policy, st.none() | st.booleans(), numbers, names, st.none() | st.sampled_from(Verify))
rules = st.lists(st.builds(Rule, policies, maybe_texts, maybe_texts, maybe_texts, names), max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
options = st.builds(
    Options,
    max_parallel=st.integers(1, 300),
    namespace=st.just("default") | texts,
    containers=st.booleans(),
    host_commands=st.booleans(),
    refresh_environments=st.booleans(),
    wait_timeout=numbers,
    policies=st.builds(lambda listed: Policies(tuple(listed)), rules),
)


def root(**inputs: InputParameter) -> Component:
    return Component("root", inputs, {}, {}, {}, Dag({}, {}, {}))


def keep(
    request: Request, inputs: RootInputs, concealment: Concealment = NOTHING, **declared: InputParameter
) -> tuple[str, KeptRequest]:
    text = request.to_text(inputs, root(**declared), source="a.yaml", options=Options(), concealment=concealment)
    return text, KeptRequest.from_text(text)


@given(
    document=st.binary(max_size=50),
    parameters=st.dictionaries(texts, values, max_size=4),
    artifacts=st.dictionaries(texts, st.lists(texts, min_size=1, max_size=2).map(tuple), max_size=3),
    chosen=options,
    references=st.lists(texts.map(lambda text: f"name=/{text}"), max_size=2).map(tuple),
)
def test_what_is_kept_is_read_back(
    document: bytes,
    parameters: dict[str, Any],
    artifacts: dict[str, tuple[str, ...]],
    chosen: Options,
    references: tuple[str, ...],
) -> None:
    asked = Request(document, References(references, references, references), 1, "another run")
    text = asked.to_text(
        RootInputs(parameters, artifacts), root(), source="ä.yaml", options=chosen, concealment=NOTHING
    )
    kept = KeptRequest.from_text(text)
    assert (kept.document, kept.parameters, kept.source) == (document, parameters, "ä.yaml")
    assert {**kept.artifacts, **dict.fromkeys(kept.withheld)}.keys() == artifacts.keys()
    assert (kept.references, kept.command_rules, kept.rerun_of) == (asked.references, 1, "another run")
    assert kept.onto(Options()) == chosen
    assert kept.policies == chosen.policies


def test_a_secret_is_in_no_part_of_it() -> None:
    asked = Request(b"document", References((f"db=/{SECRET}/file",)))
    inputs = RootInputs({"plain": 1, "url": {"a": [f"me:{SECRET}@db"]}}, {"data": (f"s3://{SECRET}/x",)})
    text, kept = keep(asked, inputs, PLANTED)
    assert SECRET not in text
    assert kept.parameters == {"plain": 1}
    assert kept.withheld == ("data",)
    assert MASK in kept.references.secrets[0]
    revealed = PLANTED.reveal(kept.concealed["url"])
    assert revealed is not None
    assert revealed.parameters == {"url": inputs.parameters["url"]}
    rotated = Concealment(Bindings({"db": KeyedValues(sole=b"an0ther-S3CRET")}), Mask(b"key"))
    assert rotated.reveal(kept.concealed["url"]) is None
    assert NOTHING.reveal(kept.concealed["url"]) is None


def test_a_document_with_a_secret_in_it_is_not_kept() -> None:
    text, kept = keep(Request(f"password: {SECRET}".encode()), RootInputs(), PLANTED)
    assert kept.document is None
    assert SECRET not in text


@pytest.mark.parametrize(
    ("address", "is_withheld"),
    [
        ("s3://bucket/key", False),
        ("https://me:password@host/key", True),
        ("https://me@host/key", False),
        ("https://[broken/key", True),
        ("/a/path:with@signs", False),
    ],
)
def test_a_password_in_an_address_is_not_kept(address: str, is_withheld: bool) -> None:
    text, kept = keep(Request(b""), RootInputs(artifacts={"data": (address,)}))
    assert (kept.withheld == ("data",)) is is_withheld
    assert (address in json.loads(text)["artifacts"].get("data", [])) is not is_withheld


def test_what_is_optional_and_was_not_given_is_kept_as_null() -> None:
    optional = InputParameter(ParameterType.STRING, optional=True)
    needed = InputParameter(ParameterType.STRING, default=None)
    _, kept = keep(Request(b""), RootInputs({"given": "x"}), given=optional, absent=optional, needed=needed)
    assert kept.parameters == {"given": "x", "absent": None}


def test_references_do_not_depend_on_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    given = References.given(["a=file", "b/key=/abs/file", "c=env:VARIABLE"], ["d=~/file"], ["e=."])
    assert given.secrets == (f"a={tmp_path}/file", "b/key=/abs/file", "c=env:VARIABLE")
    assert given.config_maps == ("d=/home/me/file",)
    assert given.volumes == (f"e={tmp_path}",)


def test_references_of_the_same_name_take_the_place_of_others() -> None:
    old = References(("a=1", "a/key=2", "b=3"), ("c=4",), ())
    assert References(("a/other=5",)).over(old) == References(("b=3", "a/other=5"), ("c=4",), ())


def test_wishes_of_the_command_line_are_told_from_those_of_files() -> None:
    off, anew = Rule(Policy(cache=False)), Rule(Policy(max_staleness=0))
    young = Rule(Policy(max_staleness=60))
    chosen = Options(policies=Policies((off, anew, young, off, anew)))
    text = Request(b"", command_rules=3).to_text(
        RootInputs(), root(), source="", options=chosen, concealment=NOTHING
    )
    assert KeptRequest.from_text(text).settled_rules() == (off, anew, young)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"form": 2}', "null"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|Expecting"):
        KeptRequest.from_text(text)
