import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# how long an example takes tells how busy the machine is, no more
settings.register_profile(
    "busy machine", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pipelines of ``tests/data/semantics.py`` are, compiled by the real SDK."""
    source = Path(__file__).parents[1] / "data" / "semantics.py"
    directory = tmp_path_factory.mktemp("semantics")
    subprocess.run([sys.executable, "-W", "ignore", source, directory], check=True)
    return directory
