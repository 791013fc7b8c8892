"""Installed packages that nothing uses any more."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from stepcache.errors import StepcacheError
from stepcache.executors.environments import trees, unused_layers
from stepcache.executors.environments.layer_use import LayerUse
from stepcache.executors.environments.layers import Layers
from stepcache.executors.environments.unused_layers import CollectedLayers

DAY = 86400.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def directory(home: Path) -> Path:
    return home / "environments" / "layers"


def layers(directory: Path) -> Layers:
    directory.mkdir(parents=True, exist_ok=True)
    return Layers(directory)


async def ready(of: Layers, name: str) -> Path:
    made: list[Path] = []

    async def make(root: Path, scratch: Path) -> None:
        made.append(root)
        (root / "lib").mkdir(parents=True)
        (root / "lib" / "package.py").write_text("VERSION = 1\n")

    path = await of.ready(name, make)
    assert (path / "lib" / "package.py").read_text() == "VERSION = 1\n"
    return path


def let_pass(*paths: Path) -> None:
    for path in paths:
        os.utime(path / "layer.json", times=(0, 0))


async def test_what_was_not_used_for_long_goes(home: Path, directory: Path) -> None:
    for name in ("old", "young"):
        await ready(layers(directory), name)
    let_pass(directory / "old")
    assert unused_layers.collect(home, DAY, dry_run=True) == CollectedLayers(1, 12)
    assert (directory / "old").is_dir()
    assert unused_layers.collect(home, DAY, dry_run=False) == CollectedLayers(1, 12)
    assert sorted(path.name for path in directory.iterdir() if path.is_dir()) == ["young"]
    assert unused_layers.collect(home, DAY, dry_run=False) == CollectedLayers(0, 0)
    await ready(layers(directory), "old")


async def test_a_use_marks_a_layer(home: Path, directory: Path) -> None:
    let_pass(await ready(layers(directory), "layer"))
    await ready(layers(directory), "layer")
    assert unused_layers.collect(home, DAY, dry_run=False).layers == 0


async def test_what_is_in_use_stays(home: Path, directory: Path) -> None:
    using = layers(directory)
    path = await ready(using, "layer")
    let_pass(path)
    assert unused_layers.collect(home, DAY, dry_run=False).layers == 0
    assert (path / "lib" / "package.py").exists()
    del using
    assert unused_layers.collect(home, DAY, dry_run=False).layers == 1


async def test_what_a_dead_process_used_goes(home: Path, directory: Path) -> None:
    let_pass(await ready(layers(directory), "layer"))
    code = (
        "import sys\nfrom pathlib import Path\nfrom stepcache.executors.environments.layer_use import LayerUse\n"
        "use = LayerUse.begin(Path(sys.argv[1]))\nassert use\nprint('used', flush=True)\nsys.stdin.readline()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        str(directory / "layer"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"used\n"
    let_pass(directory / "layer")
    assert unused_layers.collect(home, DAY, dry_run=False).layers == 0
    process.kill()
    await process.wait()
    assert unused_layers.collect(home, DAY, dry_run=False).layers == 1


@pytest.mark.parametrize("step", ["summary", "prevent", "end", "remove"])
def test_a_layer_that_was_collected_meanwhile_is_made_again(
    home: Path, directory: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A run that wants it before, while and after it is moved out: the run has it, whole, in the end."""
    asyncio.run(make_unused(directory))
    using = layers(directory)
    run = threading.Thread(target=lambda: asyncio.run(ready(using, "layer")))
    place: Any = LayerUse if step in ("prevent", "end") else trees
    name = "prevent" if step == "end" else step
    original = getattr(place, name)

    def begin() -> None:
        run.start()
        run.join(0.2)  # it ends within that time unless it has to wait

    def overtaken(*arguments: Any) -> Any:
        monkeypatch.undo()
        if step != "end":
            begin()
        answer = original(*arguments)
        if step == "end":
            begin()
            assert run.is_alive()  # nobody makes it while it is moved
        return answer

    monkeypatch.setattr(place, name, overtaken)
    collected = unused_layers.collect(home, DAY, dry_run=False)
    run.join()
    assert collected.layers == (0 if step in ("summary", "prevent") else 1)
    assert (directory / "layer" / "lib" / "package.py").exists()
    let_pass(directory / "layer")
    assert unused_layers.collect(home, DAY, dry_run=False).layers == 0  # it is in use


async def make_unused(directory: Path) -> None:
    let_pass(await ready(layers(directory), "layer"))


async def test_a_layer_that_is_always_taken_away_is_told(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepcache.executors.environments.layers._is_intact", lambda _: False)
    with pytest.raises(StepcacheError, match="cannot use"):
        await ready(layers(directory), "layer")


async def test_what_the_dead_left_goes_after_a_day(home: Path, directory: Path) -> None:
    left = directory / ".layer-0123"
    (left / "lib").mkdir(parents=True)
    (left / "lib").chmod(0o555)
    unused_layers.collect(home, 0, dry_run=False)
    assert left.exists()
    os.utime(left, times=(0, 0))
    unused_layers.collect(home, 30 * DAY, dry_run=True)
    assert left.exists()
    unused_layers.collect(home, 30 * DAY, dry_run=False)
    assert not left.exists()


def test_where_there_are_no_layers_none_go(home: Path) -> None:
    assert unused_layers.collect(home, 0, dry_run=False) == CollectedLayers(0, 0)
