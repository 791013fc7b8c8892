"""Several stores may keep their outputs in one artifact store: what one does not refer to, another may."""

from __future__ import annotations

from collections.abc import Collection

from stepcache.artifacts.collection import ArtifactCollection
from stepcache.errors import InputError


def check_users(artifacts: ArtifactCollection, known: Collection[str]) -> None:
    """Raise InputError unless every store that keeps its outputs in ``artifacts`` is among ``known`` identities."""
    for identity, url in artifacts.users().items():
        if identity not in known:
            raise InputError(
                f"another store keeps its outputs there, too, and what it needs is not known: {url}",
                remedy=f"name it by --also-store, leave artifacts alone by --entries-only, or remove"
                f" {artifacts.user_file(identity)} if that store is gone",
            )
