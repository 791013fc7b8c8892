"""Sizes, durations and moments, as people write and read them."""

from __future__ import annotations

from datetime import UTC, datetime


def size(count: int) -> str:
    """A number of bytes."""
    import humanfriendly

    return humanfriendly.format_size(count)


def parse_size(text: str) -> int:
    """The number of bytes that a text means: ``10MB`` is of 1000, ``10MiB`` of 1024. Raises InputError."""
    import humanfriendly

    from stepcache.errors import InputError

    try:
        return humanfriendly.parse_size(text)
    except humanfriendly.InvalidSize:
        raise InputError(f"'{text}' is not a size", remedy="write it as 500KB, 10MB or 2GiB") from None


def duration(seconds: float) -> str:
    """Seconds, in the one or two units that tell most."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def moment(epoch: float) -> str:
    """When that is, by the clock on the wall."""
    return datetime.fromtimestamp(epoch).astimezone().strftime("%Y-%m-%d %H:%M:%S") if epoch else "-"


def timestamp(epoch: float) -> str | None:
    """The same for programs: ISO 8601, UTC; None for a moment that has not come."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds") if epoch else None
