"""``stepcache migrate`` on a file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stepcache.cli.main import main
from stepcache.stores.sqlite.schema import VERSION

OLD = Path(__file__).parents[1] / "data" / "stores" / "sqlite-1.sql"


def test_a_file_is_brought_to_this_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD.read_text())
    url = f"sqlite:///{path}"
    assert main(["--store", url, "migrate"]) == 0
    assert capsys.readouterr().out == f"{url} was brought from version 1 to {VERSION}\n"
    assert main(["--store", url, "migrate"]) == 0
    assert capsys.readouterr().out == f"{url} has the tables of this release (version {VERSION})\n"


def test_a_new_file_gets_its_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    assert main(["--store", url, "migrate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "store": url,
        "before": None,
        "after": str(VERSION),
        "changed": True,
    }


def test_a_store_without_tables_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", "memory://", "migrate"]) == 2
    assert "no tables to migrate" in capsys.readouterr().err
