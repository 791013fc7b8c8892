from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stepcache.executors.environments import trees


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "package" / "__pycache__").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "package" / "a.py").write_text("a = 1")
    (root / "package" / "link").symlink_to("a.py")
    (root / ".git" / "HEAD").write_text("main")
    return root


def _rewrite(root: Path) -> None:
    (root / "package" / "a.py").write_text("a = 2")
    os.utime(root / "package" / "a.py", ns=(0, 1))


_CHANGES: list[Callable[[Path], object]] = [
    _rewrite,
    lambda root: (root / "package" / "a.py").write_text("a = 1 "),
    lambda root: (root / "package" / "a.py").unlink(),
    lambda root: (root / "package" / "a.py").rename(root / "package" / "b.py"),
    lambda root: (root / "package" / "more.py").write_text(""),
]


@pytest.mark.parametrize("change", _CHANGES)
def test_a_change_is_noticed(change: Callable[[Path], object], tree: Path) -> None:
    signature, content = trees.summary(tree, "").signature, trees.content_digest(tree)
    change(tree)
    assert trees.summary(tree, "").signature != signature
    assert trees.content_digest(tree) != content


def test_what_is_no_change(tree: Path) -> None:
    summary, content = trees.summary(tree, "marker"), trees.content_digest(tree)
    assert (summary.files, summary.bytes) == (3, 5 + 4 + 4)
    (tree / "marker").write_text("complete")
    (tree / "package" / "__pycache__" / "a.pyc").write_bytes(b"code")
    trees.make_read_only(tree)
    assert trees.summary(tree, "marker").signature == summary.signature
    (tree / "marker").unlink()
    (tree / ".git").chmod(0o755)
    (tree / ".git" / "index").write_text("")
    assert trees.content_digest(tree) == content


def test_borders_count(tmp_path: Path) -> None:
    for name, files in {"one": {"a": "bc", "d": ""}, "other": {"a": "b", "cd": ""}}.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    assert trees.content_digest(tmp_path / "one") != trees.content_digest(tmp_path / "other")


def test_a_read_only_tree_can_be_removed(tree: Path) -> None:
    trees.make_read_only(tree)
    assert (tree / "package").stat().st_mode & 0o777 == 0o555
    trees.remove(tree)
    assert not tree.exists()
    trees.remove(tree)
