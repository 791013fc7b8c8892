"""The search for bit rot."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stepcache.artifacts.artifact import Artifact, Verdict
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.reason import Reason
from stepcache.cache.retention.verification import Verification, verify
from stepcache.errors import ArtifactStoreUnavailableError
from stepcache.stores.entry import Record
from tests.artifacts.trees import grow
from tests.cache.caches import a_key
from tests.cache.retention.world import Retained


@pytest.fixture
def world(tmp_path: Path) -> Retained:
    return Retained(tmp_path)


async def search(
    world: Retained, *, dry_run: bool = False, artifacts: LocalArtifactStore | None = None
) -> Verification:
    return await verify(world.store, artifacts or world.artifacts, dry_run=dry_run)


def damages(found: Verification) -> list[tuple[str, Reason, tuple[str, ...]]]:
    return [(damage.entry.task, damage.reason, damage.artifacts) for damage in found.damaged]


def rot(world: Retained, artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change a byte so that nothing shows it but the bytes: as if the disk did."""
    path = world.artifacts.path(artifact)
    path.chmod(0o644)
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    path.chmod(0o444)
    monkeypatch.setattr("stepcache.artifacts.proofs.Proofs.holds", lambda *_: True)


async def test_bit_rot_is_found_whatever_was_proven(world: Retained, monkeypatch: pytest.MonkeyPatch) -> None:
    rotten, _ = await world.publish("rotten", b"rotten", b"sound")
    await world.publish("sound", b"sound")
    rot(world, rotten, monkeypatch)
    assert world.artifacts.verify(rotten) is Verdict.INTACT  # what is proven is not read
    found = await search(world)
    assert damages(found) == [("rotten", Reason.OUTPUT_ALTERED, (rotten.digest,))]
    assert (found.entries, found.artifacts, found.bytes) == (2, 2, 11)
    assert await world.left("rotten", "sound") == ["sound"]
    assert damages(await search(world)) == []


async def test_a_dry_run_withdraws_nothing(world: Retained) -> None:
    (missing,) = await world.publish("missing", b"missing")
    world.artifacts.path(missing).unlink()
    before = {str(path): path.lstat().st_ctime for path in world.root.rglob("*")}
    reader = LocalArtifactStore.open(world.root, world.artifacts.identity, read_only=True)
    for _ in range(2):
        found = await search(world, dry_run=True, artifacts=reader)
        assert damages(found) == [("missing", Reason.OUTPUT_MISSING, (missing.digest,))]
    assert await world.left("missing") == ["missing"]
    assert {str(path): path.lstat().st_ctime for path in world.root.rglob("*")} == before


async def test_every_entry_with_a_damaged_output_is_told(world: Retained, tmp_path: Path) -> None:
    engine = world.engine()
    tree = engine.ingest(grow(tmp_path / "tree", {"a": "a", "b": {"c": "c"}}))
    for name in ("one", "two"):
        await world.publish(name, tree, name.encode())
    engine.close()
    file = world.artifacts.path(tree) / "b" / "c"
    file.parent.chmod(0o755)
    file.chmod(0o644)
    file.write_text("d")
    assert [task for task, _, _ in damages(await search(world))] == ["one", "two"]


async def test_an_entry_whose_own_text_is_damaged_is_told(world: Retained) -> None:
    await world.store.put(a_key("entry"), Record("no output"))
    found = await search(world)
    assert [(damage.reason, damage.artifacts) for damage in found.damaged] == [(Reason.OUTPUT_ALTERED, ())]
    assert found.damaged[0].to_document()["artifacts"] == []


async def test_each_artifact_is_read_once(world: Retained, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(450):
        await world.publish(f"{number}", b"the same")
    read: list[Artifact] = []
    look = world.artifacts.verify

    def noted(artifact: Artifact, **named: Any) -> Verdict:
        read.append(artifact)
        return look(artifact, **named)

    monkeypatch.setattr(world.artifacts, "verify", noted)
    found = await search(world)
    assert (found.entries, found.artifacts, len(read)) == (450, 1, 1)


@pytest.mark.parametrize("dry_run", [False, True])
async def test_an_entry_that_was_replaced_meanwhile_is_spared(
    world: Retained, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    (missing,) = await world.publish("entry", b"output")
    world.artifacts.path(missing).unlink()
    entry = await world.store.lookup(a_key("entry"))
    assert entry is not None
    verify_artifact = world.artifacts.verify

    def overtaken(artifact: Artifact, **named: Any) -> Verdict:
        verdict = verify_artifact(artifact, **named)
        if verdict is Verdict.MISSING:
            asyncio.run(replace())
        return verdict

    async def replace() -> None:
        await world.store.withdraw(a_key("entry"), entry.published_by)
        await world.publish("entry", b"output")

    monkeypatch.setattr(world.artifacts, "verify", overtaken)
    assert damages(await search(world, dry_run=dry_run)) == []
    standing = await world.store.lookup(a_key("entry"))
    assert standing is not None
    assert standing.published_by != entry.published_by


async def test_an_artifact_store_that_is_not_there_is_no_damage(world: Retained) -> None:
    await world.publish("entry", b"output")
    world.root.rename(world.root.with_name("elsewhere"))
    with pytest.raises(ArtifactStoreUnavailableError):
        await search(world)
    assert await world.left("entry") == ["entry"]


async def test_what_was_read_is_proven_again(world: Retained) -> None:
    (artifact,) = await world.publish("entry", b"output")
    (world.root / "proofs").mkdir(exist_ok=True)
    await search(world)
    assert LocalArtifactStore.open(world.root).proven(artifact)
