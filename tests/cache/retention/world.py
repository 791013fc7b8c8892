"""A cache with a clock that the test moves, and engines that come and go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepcache.artifacts.artifact import Artifact, Verdict
from stepcache.artifacts.collection import ArtifactCollection
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache
from stepcache.cache.output import Output
from stepcache.cache.retention.collector import Collector, Limits
from stepcache.stores.entry import ArtifactReference, Description, Record
from stepcache.stores.memory import MemoryStore
from stepcache.stores.memory_state import MemoryState
from stepcache.stores.standing import RESTING_TEMPLATE
from tests.cache.caches import a_key

DAY = 86400.0
START = 1_700_000_000_000


class Retained:
    """One store and one artifact store, under the identity ``store``."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "artifacts"
        self._now = START
        self.state = MemoryState(clock=lambda: self._now)
        self.store = MemoryStore(self.state)
        self.artifacts = LocalArtifactStore.open(self.root)
        """Of this test alone: nothing is pinned by it."""
        self.artifacts.register("store", "memory://")

    def advance(self, seconds: float) -> None:
        self._now += round(seconds * 1000)

    def engine(self) -> LocalArtifactStore:
        """The artifact store as another process has it. Its pins last until it is closed."""
        return LocalArtifactStore.open(self.root)

    async def publish(
        self,
        name: str,
        *contents: bytes | Artifact,
        artifacts: LocalArtifactStore | None = None,
        rests_on: Sequence[str] = (),
        component: str = "component",
        store: MemoryStore | None = None,
    ) -> tuple[Artifact, ...]:
        """An entry with these artifacts, by an engine that has ended unless ``artifacts`` are those of one."""
        store = store or self.store
        engine = artifacts or self.engine()
        kept = tuple(
            content if isinstance(content, Artifact) else engine.ingest_bytes(content) for content in contents
        )
        standing = {a_key(one): (await self._entry(a_key(one))) for one in rests_on}
        output = Output({"name": name}, kept, standing)
        await store.put(
            a_key(name),
            Record(
                output.to_text(),
                f'{RESTING_TEMPLATE}"dag"}}' if rests_on else "{}",
                description=Description(
                    pipeline="pipeline", component=component, task=name, run_id=f"run of {name}"
                ),
                artifacts=tuple(ArtifactReference(item.digest, item.size) for item in kept),
            ),
        )
        if artifacts is None:
            engine.close()
        return kept

    async def _entry(self, key: str) -> str:
        entry = await self.store.lookup(key)
        assert entry is not None
        return entry.published_by

    def collector(self, artifacts: ArtifactCollection | None = None, **named: Any) -> Collector:
        named = {"identity": "store", "others": {}, "stray_age": 0.0, **named}
        return Collector(
            named.pop("store", self.store), artifacts or self.artifacts.collection(), named.pop("others"), **named
        )

    async def collect(
        self, older_than: float | None = None, max_size: int | None = None, **named: Any
    ) -> Collector:
        """Entries, and then artifacts."""
        collector = self.collector(**named)
        await collector.collect_entries(Limits(older_than, max_size))
        await collector.collect_artifacts()
        return collector

    async def left(self, *names: str) -> list[str]:
        """Which of the entries are there."""
        return [name for name in names if await self.store.lookup(a_key(name)) is not None]

    def has(self, *artifacts: Artifact) -> list[bool]:
        return [self.artifacts.verify(artifact) is Verdict.INTACT for artifact in artifacts]

    def objects(self) -> set[str]:
        return {found.name for page in self.artifacts.collection().pages() for found in page}

    def cache(self, artifacts: LocalArtifactStore | None = None) -> Cache:
        """As an engine has it."""
        return Cache(self.store, artifacts or self.engine())


class Interrupted(ArtifactCollection):
    """Tells of each step, by name, before it is taken."""

    def __init__(self, artifacts: LocalArtifactStore) -> None:
        self.__dict__.update(vars(artifacts.collection()))
        self.before: Any = lambda _: None

    @contextmanager
    def closed(self) -> Any:
        self.before("closed")
        with super().closed() as pinned:
            self.before("users")
            yield pinned
            self.before("opened")
        self.before("deleted")

    def take_out(self, *arguments: Any) -> Any:
        self.before("take out")
        return super().take_out(*arguments)


def sizes(artifacts: Iterable[Artifact]) -> int:
    return sum(artifact.size for artifact in artifacts)
