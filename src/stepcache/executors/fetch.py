"""Brings what a URI names to a local path: a program of its own, ``python -m stepcache.executors.fetch URI PATH``.

The URI's scheme is looked up in fsspec, so whatever file system is installed for it serves. Ends with 0 when the
file or directory is there, with ``UNKNOWN_SCHEME`` when nothing here reads that scheme, and with 1 for every other
failure; both say why on standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path

UNKNOWN_SCHEME = 65


def fetch(uri: str, target: Path) -> None:
    """Copy the file or directory at ``uri`` to ``target``, which does not exist.

    Raises FileNotFoundError, ImportError or ValueError for a scheme that nothing reads, and what the file system
    raises.
    """
    import fsspec

    file_system, path = fsspec.core.url_to_fs(uri)
    if not file_system.exists(path):
        raise FileNotFoundError(f"{uri} does not exist")
    if file_system.isdir(path):
        file_system.get(path.rstrip("/") + "/", f"{target}/", recursive=True)
    else:
        file_system.get_file(path, str(target))


def main(arguments: list[str]) -> int:
    """Fetch, and answer the exit code."""
    uri, target = arguments
    try:
        fetch(uri, Path(target))
    except (ImportError, ValueError) as error:
        print(f"cannot read {uri}: {error}", file=sys.stderr)
        return UNKNOWN_SCHEME
    except Exception as error:  # noqa: BLE001 - whatever the file system raises is told and ends the program
        print(f"cannot read {uri}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
