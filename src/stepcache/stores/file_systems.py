"""On what kind of file system a path is: SQLite's locks and shared memory do not work across a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from stepcache.light_dataclasses import dataclass

_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "smb", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "ocfs2"}
    | {"gfs2", "glusterfs", "pvfs2", "orangefs", "ncpfs", "coda", "dfs"}
)
_NETWORK_FUSE: Final = frozenset(
    {"sshfs", "glusterfs", "s3fs", "gcsfuse", "goofys", "geesefs", "ceph", "ceph-fuse", "rclone", "juicefs", "mfs"}
    | {"moosefs", "lizardfs", "blobfuse", "blobfuse2", "curlftpfs", "davfs", "davfs2", "mount-s3", "seaweedfs"}
    | {"alluxio-fuse", "lustre", "beegfs", "cifs", "smbnetfs", "nfs", "hdfs", "afs", "cvmfs2", "gvfsd-fuse"}
)
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class _Mount:
    id: str
    parent: str
    point: Path
    kind: str


def network_file_system(path: Path, mounts: str | None = None) -> str:
    """The kind of network file system that ``path`` is on, such as ``nfs4``; empty for a local or unknown one.

    ``path`` is absolute, without symbolic links. ``mounts`` is a text in the form of ``/proc/self/mountinfo``
    (proc(5)), by default that file's.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    kind = _kind(path, [mount for mount in map(_parsed, mounts.splitlines()) if mount is not None])
    family, _, program = kind.partition(".")
    is_network = kind in _NETWORK or (family in ("fuse", "fuseblk") and program in _NETWORK_FUSE)
    return kind if is_network else ""


def _parsed(line: str) -> _Mount | None:
    place, _, rest = line.partition(" - ")
    fields = place.split(" ")
    if len(fields) < 5 or not rest:
        return None
    point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])
    return _Mount(fields[0], fields[1], Path(point), rest.split(" ")[0])


def _kind(path: Path, mounts: list[_Mount]) -> str:
    """Walk down as the kernel does: in each mount, enter the first of its own mounts that is met on the way to
    ``path``. A mount that lies hidden below a later one is never met.
    """
    listed = {mount.id for mount in mounts}
    kind, below = "", [mount for mount in mounts if mount.parent not in listed or mount.parent == mount.id]
    seen: set[str] = set()
    while True:
        met = [mount for mount in below if mount.id not in seen and path.is_relative_to(mount.point)]
        if not met:
            return kind
        current = min(met, key=lambda mount: len(mount.point.parts))
        seen.add(current.id)
        kind = current.kind
        below = [mount for mount in mounts if mount.parent == current.id]
