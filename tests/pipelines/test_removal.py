"""What is foretold of a removal, and what then happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import cast

import pytest

from stepcache import api
from stepcache.pipelines import loading, removal
from stepcache.pipelines.engine import Engine, Options
from stepcache.pipelines.result import RunResult
from stepcache.pipelines.root_inputs import RootInputs
from stepcache.pipelines.run_request import Request
from stepcache.pipelines.whole_dag import TEMPLATE
from stepcache.settings import Settings
from stepcache.stores.entry_browsing import EntryFilter
from stepcache.stores.opening import FullStore
from tests.pipelines.compiled import Step, constant, output_of, write
from tests.pipelines.nested import ADD, chain


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace"
    path.touch()
    return path


class World:
    """A home, and its store open."""

    def __init__(self, home: Path, store: FullStore, engine: Engine) -> None:
        self.home = home
        self.store = store
        self._engine = engine

    async def run(self, pipeline: Path, *, is_kept: bool = True) -> RunResult:
        data = pipeline.read_bytes()
        return await self._engine.run(
            loading.parse(data, source=str(pipeline)),
            RootInputs({"start": 0} if "start" in pipeline.read_text() else {}),
            source=str(pipeline),
            options=Options(),
            request=Request(data) if is_kept else None,
        )

    async def foresee(self, tasks: Collection[str]) -> removal.Consequences:
        """What the removal of the entries that these tasks stored would lead to."""
        found = await self.store.find_entries(EntryFilter())
        return await removal.foresee(
            self.store, {entry.key: entry.published_by for entry in found if entry.task in tasks}
        )


def test_what_is_foretold_is_what_happens(tmp_path: Path, trace: Path) -> None:
    pipeline = chain(tmp_path / "chain.yaml", trace)

    async def both(world: World) -> None:
        await world.run(pipeline)
        for _ in range(2):  # executed, and reused as a whole
            told = await world.foresee(["inner/add-1"])
            (use,) = told.uses
            assert (use.tasks, use.after) == (("inner/add-1",), ("inner/add-2",))
            assert [one.task for one in told.nested] == ["inner"]
            ran = await world.run(pipeline)
            assert use.run.run_id != ran.run_id
        (entry,) = [one for one in await world.store.find_entries(EntryFilter()) if one.task == "inner/add-1"]
        await world.store.invalidate(entry.key)
        results = {task.name: str(task.result) for task in (await world.run(pipeline)).tasks}
        assert results == {"inner": "none", "inner/add-0": "hit", "inner/add-1": "miss", "inner/add-2": "hit"}

    _within(tmp_path / "home", both)


def test_nothing_follows_from_the_removal_of_a_nested_pipeline_alone(tmp_path: Path, trace: Path) -> None:
    pipeline = chain(tmp_path / "chain.yaml", trace)

    async def look(world: World) -> None:
        await world.run(pipeline)
        await world.run(pipeline)
        assert await world.foresee(["inner"]) == removal.Consequences((), ())
        assert [one.task for one in (await world.foresee(["inner/add-0"])).nested] == ["inner"]
        assert (await world.foresee(["inner", "inner/add-0"])).nested == ()

    _within(tmp_path / "home", look)


def test_the_newest_run_of_each_pipeline_is_looked_at(tmp_path: Path, trace: Path) -> None:
    def additions(name: str, *more: Step) -> Path:
        first = Step(
            "add-0",
            ADD.replace("def add", "def add_0"),
            {"number": constant("NUMBER_INTEGER", 1), "trace": constant("STRING", str(trace))},
            outputs={"Output": "NUMBER_INTEGER"},
        )
        return write(tmp_path / f"{name}.yaml", first, *more)

    second = Step(
        "add-1",
        ADD.replace("def add", "def add_1"),
        {"number": output_of("NUMBER_INTEGER", "add-0"), "trace": constant("STRING", str(trace))},
        outputs={"Output": "NUMBER_INTEGER"},
    )

    async def look(world: World) -> None:
        await world.run(additions("one"))
        await world.run(additions("two", second), is_kept=False)
        uses = {use.run.pipeline: use for use in (await world.foresee(["add-0"])).uses}
        assert uses["one"].tasks == uses["two"].tasks == ("add-0",)
        assert (uses["one"].after, uses["two"].after) == ((), None)
        await world.run(additions("two", second))
        uses = {use.run.pipeline: use for use in (await world.foresee(["add-0"])).uses}
        assert uses["two"].after == ("add-1",)
        assert await world.foresee([]) == removal.Consequences((), ())

    _within(tmp_path / "home", look)


def test_an_entry_of_a_nested_pipeline_is_known_by_its_template(tmp_path: Path, trace: Path) -> None:
    async def look(world: World) -> None:
        await world.run(chain(tmp_path / "chain.yaml", trace))
        assert [one.summary.task for one in await world.store.entries_of_template(TEMPLATE)] == ["inner"]

    _within(tmp_path / "home", look)


def _within(home: Path, test: Callable[[World], Awaitable[None]]) -> None:
    async def opened() -> None:
        async with api.opened(Settings.resolve({}, home=home)) as cache:
            store = cast("FullStore", cache.store)
            await test(World(home, store, Engine(cache, store, home)))

    asyncio.run(opened())
