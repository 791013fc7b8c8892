from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

from stepcache.executors.host import describe

_ROOT = Path(__file__).parents[2]


def test_names_the_interpreter_and_the_platform() -> None:
    described = describe()
    assert described.pop("lock").isalnum()
    assert described == {
        "kind": "subprocess",
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"linux-{platform.machine()}",
    }


def _describe_in(site: Path, **environment: str) -> dict[str, str]:
    program = (
        f"import sys, site, json; sys.path.insert(0, {str(_ROOT / 'src')!r})\n"
        f"site.getsitepackages = lambda: [{str(site)!r}]\n"
        "from stepcache.executors import host\n"
        "print(json.dumps(host.describe()))\n"
        "assert not {'importlib.metadata', 'packaging'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    described: dict[str, str] = json.loads(done.stdout)
    return described


def test_the_lock_follows_the_installed_versions_but_not_stepcache(tmp_path: Path) -> None:
    (tmp_path / "foo-1.0.dist-info").mkdir()
    before = _describe_in(tmp_path)
    (tmp_path / "stepcache-9.9.dist-info").mkdir()
    assert _describe_in(tmp_path) == before
    other = tmp_path / "other"
    (other / "bar-1.0.dist-info").mkdir(parents=True)
    assert _describe_in(tmp_path, PYTHONPATH=str(other)) == before
    (tmp_path / "foo-1.0.dist-info").rename(tmp_path / "foo-1.1.dist-info")
    assert _describe_in(tmp_path)["lock"] != before["lock"]
