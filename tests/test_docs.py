"""Nothing that users see goes without its line in the documentation."""

import re
from pathlib import Path

import pytest

from stepcache.cache.reason import Reason
from stepcache.cli.main import COMMANDS
from stepcache.pipelines.task_record import CacheResult, State

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    targets = [target for target in LINK.findall(path.read_text()) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_command_is_described() -> None:
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    assert [name for name in COMMANDS if f"stepcache {name}" not in text] == []


def test_every_reason_is_described() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in text] == []


def test_every_result_and_state_is_described() -> None:
    text = (ROOT / "docs" / "running.md").read_text()
    assert [word for word in (*CacheResult, *State) if f"`{word}`" not in text] == []
