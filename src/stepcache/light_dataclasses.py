"""``dataclass`` for immutable objects of which some are made for each task that is reused.

A frozen dataclass of the standard library sets every field by ``object.__setattr__``, which makes its objects five
times as slow to create: a tenth of what a hit costs. Here ``frozen`` is what the type checker enforces; at run time
there are the equality and the hash of a frozen dataclass, and nothing that refuses an assignment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses

    def dataclass(*, frozen: bool, eq: bool = True, **options: Any) -> Any:
        """See ``dataclasses.dataclass``; ``frozen`` is always true."""
        return dataclasses.dataclass(eq=eq, unsafe_hash=frozen and eq, **options)


__all__ = ["dataclass"]
