"""``stepcache gc`` with a store on a server: the same, with its clock and its locks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.collected import DAY, objects, pipeline
from tests.cli.running import call, results
from tests.servers.server import Server

MONTH = round(31 * DAY * 1000)


async def test_a_store_on_a_server_is_collected(server: Server, tmp_path: Path) -> None:
    await server.create("gc")
    home, compiled = tmp_path / "home", pipeline(tmp_path / "both.yaml")
    store = ("--store", server.url("gc"))

    def gc(*arguments: str, code: int = 0) -> dict[str, Any]:
        ended = call(home, *store, "gc", *arguments, "--json")
        assert (ended.returncode, ended.stderr) == (code, "")
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    assert call(home, *store, "run", compiled).returncode == 0
    async with server.session("gc") as session:
        await session.run(f"UPDATE execution_details SET used_at = used_at - {MONTH}")
        await session.run(f"UPDATE execution_claims SET released_at = released_at - {MONTH}")
        await session.run(f"UPDATE stepcache_runs SET finished_at = finished_at - {MONTH // 1000}")
        assert call(home, *store, "run", compiled, "-p", "number=2").returncode == 0
        dry = gc("--older-than", "P30D", "--dry-run")
        assert (dry["entries"], dry["artifacts"], dry["claims"]) == (2, 3, 2)
        assert len(objects(home)) == 6
        wet = gc("--older-than", "P30D", "--runs")
        assert wet["components"] == dry["components"]
        assert (wet["claims"], wet["runs"]["runs"]) == (2, 1)
        assert len(objects(home)) == 3
        for table in ("execution_caches", "execution_details", "execution_claims"):
            assert await session.run(f"SELECT COUNT(*) FROM {table}") == [(2,)]
        assert await session.run("SELECT COUNT(*) FROM execution_artifacts") == [(3,)]
        assert await session.run("SELECT COUNT(*) FROM stepcache_runs") == [(1,)]
    (damaged,) = [path for path in (home / "artifacts" / "objects").glob("*/*") if path.stat().st_size == 2000]
    damaged.chmod(0o644)
    damaged.write_text("x" * 2000)
    assert len(gc("--verify", code=1)["verified"]["damaged"]) == 1
    ended = call(home, *store, "run", compiled, "-p", "number=2", "--json")
    assert results(ended) == {"produce": "miss", "consume": "hit"}
