from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache import processes
from stepcache.cache.holder import Holder, StepProcess
from stepcache.container_engine import Reference
from stepcache.processes import Host, Process

a_process = st.builds(Process, st.integers(1, 2**22), st.integers(0, 2**40))
maybe_process = st.none() | a_process
holders = st.builds(
    Holder,
    host_name=st.text(),
    host=st.none() | st.builds(Host, st.text(min_size=1), st.integers(1, 2**32)),
    process=maybe_process,
    supervisor=maybe_process,
    label=st.text(),
    containers=st.none() | st.builds(Reference, st.text(), st.text()),
)


@given(holders, st.none() | st.builds(StepProcess, maybe_process, a_process, st.integers(1, 2**22), maybe_process))
def test_a_holder_is_read_back_as_it_was(holder: Holder, step: StepProcess | None) -> None:
    holder = holder if step is None else holder.with_step(step)
    assert Holder.parse(holder.format()) == holder
    assert Holder.parse(holder.format()).format() == holder.format()


@pytest.mark.parametrize(
    "text", ["", "null", "7", "[]", "{}", '{"version": 2}', '{"version": 1}', "pod-7", '{"version"']
)
def test_another_text_names_nobody(text: str) -> None:
    holder = Holder.parse(text)
    assert holder == Holder()
    assert not holder.is_gone()
    assert holder.describe() == "an unknown holder"


@given(st.text())
def test_parsing_never_raises(text: str) -> None:
    Holder.parse(text)


def test_a_living_holder_is_not_gone_and_a_reused_id_is() -> None:
    me = Holder.this_process("run 1, train")
    assert me.is_here()
    assert not me.is_gone()
    this = processes.this_process()
    assert Holder(host=processes.this_host(), process=Process(this.pid, this.started - 1)).is_gone()


def test_a_holder_of_another_boot_or_namespace_is_never_seen_as_gone() -> None:
    here = processes.this_host()
    assert here is not None
    nobody = Process(2**22 + 1, 1)
    assert Holder(host=here, process=nobody).is_gone()
    for host in (Host("another boot", here.pid_namespace), Host(here.boot_id, here.pid_namespace + 1), None):
        assert not Holder(host=host, process=nobody).is_gone()


def test_words_for_people() -> None:
    assert Holder("node7", process=Process(12, 1)).describe() == "process 12 on node7"
    assert (
        Holder("node7", process=Process(12, 1), label="run 1, train").describe()
        == "run 1, train (process 12 on node7)"
    )
    assert str(os.getpid()) in Holder.this_process().describe()
