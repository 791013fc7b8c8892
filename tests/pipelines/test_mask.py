"""Values that may be compared but never read."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from stepcache.pipelines.mask import Mask

_REPOSITORY = Path(__file__).parents[2]
_ENGINE = """
import sys
from pathlib import Path
from stepcache.pipelines.mask import Mask
print("ready", flush=True)
sys.stdin.readline()
print(Mask.of(Path(sys.argv[1]))("value"))
"""


def test_engines_of_one_home_share_its_mask(tmp_path: Path) -> None:
    """However many make it at once."""
    home = tmp_path / "new" / "home"
    command = [sys.executable, "-c", _ENGINE, str(home)]
    engines = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_REPOSITORY)
        for _ in range(8)
    ]
    try:
        for engine in engines:
            assert engine.stdout is not None
            assert engine.stdout.readline() == "ready\n"
        for engine in engines:
            assert engine.stdin is not None
            engine.stdin.write("\n")
            engine.stdin.flush()
        masked = {engine.communicate(timeout=60)[0] for engine in engines}
    finally:
        for engine in engines:
            engine.kill()
            engine.communicate()
    assert masked == {Mask.of(home)("value") + "\n"}
    assert [path.name for path in home.iterdir()] == ["mask.key"]


def test_the_key_is_its_owners_only(tmp_path: Path) -> None:
    Mask.of(tmp_path)
    assert stat.S_IMODE((tmp_path / "mask.key").stat().st_mode) == 0o600


def test_equal_values_and_only_those_have_equal_masks(tmp_path: Path) -> None:
    mask, again = Mask.of(tmp_path), Mask.of(tmp_path)
    values = ["", "a", "b", "A", "a ", "ü", "\udc80", "x" * 100_000]
    assert [mask(value) for value in values] == [again(value) for value in values]
    assert len({mask(value) for value in values}) == len(values)


def test_a_mask_tells_nothing_about_the_value(tmp_path: Path) -> None:
    """Neither its length, nor, without the home's key, whether it is one that somebody guesses."""
    mine, others = Mask.of(tmp_path / "mine"), Mask.of(tmp_path / "others")
    assert mine("secret") != others("secret")
    assert len({len(mine(value)) for value in ("", "secret", "x" * 1000)}) == 1
    assert "secret" not in mine("secret")
