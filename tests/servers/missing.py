"""What a test does when a program that it needs is not installed."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(text: str) -> NoReturn:
    """Skip the test, or with CI=true fail it; ``text`` says what to install."""
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)
