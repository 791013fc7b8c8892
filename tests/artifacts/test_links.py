"""Which symbolic links may be in a directory that is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepcache.artifacts.content import describe
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.errors import InputError
from tests.artifacts.trees import Link, grow, target_of

INSIDE = {
    "a file beside it": "file",
    "a directory": "deep/er",
    "the directory itself": ".",
    "its parent": "deep/..",
    "a file through a link to a directory": "shortcut/leaf",
    "up from where a link leads": "shortcut/../er/leaf",
    "another link": "chain",
    "with needless slashes": "deep//er/./leaf",
}
OUTSIDE = {
    "nowhere": "nothing",
    "an absolute path": "/etc/hostname",
    "the absolute path of a file inside": "{root}/file",
    "a neighbour": "../neighbour",
    "itself by way of its own name": "../tree/file",
    "outside and back by a link": "shortcut/../../../tree/file",
    "a file as if it were a directory": "file/..",
    "a file with a slash behind it": "file/",
    "itself": "link",
    "a link that leads to nothing": "dangling",
    "a name that is too long": "x" * 300,
}


def _tree(directory: Path, target: str) -> Path:
    grow(directory / "neighbour", "outside")
    root = grow(
        directory / "tree",
        {
            "file": "inside",
            "deep": {"er": {"leaf": "leaf"}},
            "shortcut": Link("deep/er"),
            "chain": Link("chain2"),
            "chain2": Link("shortcut/leaf"),
        },
    )
    if target == "dangling":
        (root / "dangling").symlink_to("nothing at all")
    (root / "link").symlink_to(target.format(root=root))
    return root


@pytest.mark.parametrize("what", INSIDE)
def test_a_link_may_lead_anywhere_inside(tmp_path: Path, store: LocalArtifactStore, what: str) -> None:
    root = _tree(tmp_path, INSIDE[what])
    before = (root / "link").stat().st_ino
    artifact = store.ingest(root)
    link = store.path(artifact) / "link"
    assert target_of(link) == INSIDE[what]
    assert link.stat().st_ino == before  # it leads to the same thing where it is now
    assert describe(store.path(artifact)) == artifact


@pytest.mark.parametrize("what", OUTSIDE)
def test_a_link_that_leads_elsewhere_is_refused_by_name(
    tmp_path: Path, store: LocalArtifactStore, what: str
) -> None:
    root = _tree(tmp_path, OUTSIDE[what])
    with pytest.raises(InputError, match="not inside") as error:
        store.ingest(root)
    assert str(root) in str(error.value)
    assert "relative links among them" in error.value.remedy
    assert (root / "file").read_text() == "inside"  # what was refused is still there


def test_links_in_a_circle_are_refused(tmp_path: Path, store: LocalArtifactStore) -> None:
    root = grow(tmp_path / "tree", {"a": Link("b"), "b": Link("c"), "c": Link("a")})
    with pytest.raises(InputError, match="is a link to"):
        store.ingest(root)


def test_a_link_to_a_name_that_is_only_there_before_the_move_is_refused(
    tmp_path: Path, store: LocalArtifactStore
) -> None:
    """The store moves things under names of its own: a link must not come to life, or die, by that."""
    for name in ("content", "tree"):
        root = grow(tmp_path / name, {"file": "x", "link": Link(f"../{name}/file")})
        with pytest.raises(InputError, match="not inside"):
            store.ingest(root)
