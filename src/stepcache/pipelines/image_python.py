"""The Python of the images that lightweight components name, which this machine's takes the place of."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import lru_cache

from stepcache.pipelines import step_codes
from stepcache.pipelines.model import Container, Pipeline

_VERSION = re.compile(
    r"(?:^|/)python:(?P<tag>[0-9]+\.[0-9]+)"  # the official images
    r"|(?:^|/)python-(?P<major>[0-9])(?P<minor>[0-9]+)(?:[:@]|$)"  # Red Hat's
)


@lru_cache(maxsize=1024)
def version_of(image: str) -> str | None:
    """The version of Python, as ``3.11``, that the image's name tells; None when it tells none."""
    match = _VERSION.search(image)
    if match is None:
        return None
    return match["tag"] or f"{match['major']}.{match['minor']}"


def warnings(pipeline: Pipeline) -> Iterator[str]:
    """One sentence when components name images with another Python than the one that runs them."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    others: dict[str, None] = {}
    for executor in pipeline.executors.values():
        if not isinstance(executor, Container) or version_of(executor.image) in (None, here):
            continue
        if step_codes.find(executor) is not None:
            others[executor.image] = None
    if others:
        yield f"components are run by Python {here}, not by that of their images: {', '.join(others)}"
