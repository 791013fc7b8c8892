"""``dataclasses.dataclass``, for a program that makes many classes at each start and many objects in each run.

The standard library compiles six methods for each class, which was a quarter of the time of a run that reuses all;
and a frozen one sets every field by ``object.__setattr__``, five times as slow, which was a tenth of each hit
(``docs/decisions/2026-11-26-warm-runs.md``). Here ``__init__`` is the standard library's; ``__repr__``,
``__eq__`` and ``__hash__`` are one piece of code for all; and ``frozen`` is what the type checker enforces: at run
time nothing refuses an assignment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses
    from operator import attrgetter
    from reprlib import recursive_repr

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, eq: bool = True, **options: Any) -> Any:
        """See ``dataclasses.dataclass``. What a class defines itself is left as it is."""

        def made(cls: type) -> type:
            own = cls.__dict__
            cls = dataclasses.dataclass(eq=False, repr=False, **options)(cls)
            if "__repr__" not in own:
                cls.__repr__ = _representation(cls)
            if eq and "__eq__" not in own:
                cls.__eq__, hashed = _comparison(cls)
                if "__hash__" not in own:
                    cls.__hash__ = hashed if frozen else None
            return cls

        return made if cls is None else made(cls)

    def _representation(cls: type) -> Any:
        names = tuple(field.name for field in dataclasses.fields(cls) if field.repr)

        @recursive_repr()
        def representation(self: Any) -> str:
            shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
            return f"{type(self).__qualname__}({shown})"

        return representation

    def _comparison(cls: type) -> tuple[Any, Any]:
        names = tuple(field.name for field in dataclasses.fields(cls) if field.compare)
        values = attrgetter(*names) if names else lambda _: ()

        def is_equal(self: Any, other: object) -> Any:
            return values(self) == values(other) if type(other) is type(self) else NotImplemented

        def hashed(self: Any) -> int:
            return hash(values(self))

        return is_equal, hashed


__all__ = ["dataclass"]
