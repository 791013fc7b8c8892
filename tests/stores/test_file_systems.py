"""On what kind of file system a path is."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepcache.stores.file_systems import network_file_system

MOUNTS = r"""
21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
22 21 0:20 / /proc rw,nosuid - proc proc rw
30 21 0:40 / /home rw,relatime shared:2 master:3 - nfs4 server:/home rw,vers=4.2
31 30 8:1 / /home/local rw,relatime - xfs /dev/sda1 rw
32 21 0:41 / /mnt/with\040space\011tab\134slash rw - cifs //server/share rw
33 21 0:42 / /mnt/ssh rw - fuse.sshfs user@host: rw
34 21 0:43 / /mnt/disk rw - fuseblk /dev/sdb1 rw
35 21 0:44 / /mnt/portal rw - fuse.portal portal rw
36 21 0:45 / /over rw - nfs server:/over rw
37 36 8:2 / /over rw - ext4 /dev/sdc1 rw
38 21 8:3 / /under rw - ext4 /dev/sdd1 rw
39 38 0:46 / /under rw - smb3 //server/under rw
40 21 0:47 / /hidden/below rw - nfs server:/below rw
41 21 8:4 / /hidden rw - ext4 /dev/sde1 rw
42 21 0:48 / /shared rw - 9p host rw
43 21 0:49 / /gluster rw - fuse.glusterfs server:/volume rw
44 21 0:50 / /ceph rw - ceph monitor:/ rw
45 21 0:51 / /lustre rw - lustre server@tcp:/fs rw
46 21 0:52 / /home2 rw - tmpfs tmpfs rw
47 21 0:53 / /überall rw - afs afs rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", ""),
        ("/var/lib/store.db", ""),
        ("/home/user/store.db", "nfs4"),
        ("/home", "nfs4"),
        ("/home2/store.db", ""),
        ("/homeless/store.db", ""),
        ("/home/local/store.db", ""),
        ("/home/localhost/store.db", "nfs4"),
        ("/mnt/with space\ttab\\slash/store.db", "cifs"),
        ("/mnt/ssh/a/b", "fuse.sshfs"),
        ("/mnt/disk/a", ""),
        ("/mnt/portal/a", ""),
        ("/over/a", ""),
        ("/under/a", "smb3"),
        ("/hidden/below/a", ""),
        ("/shared/a", "9p"),
        ("/gluster/a", "fuse.glusterfs"),
        ("/ceph/a", "ceph"),
        ("/lustre/a", "lustre"),
        ("/überall/a", "afs"),
    ],
)
def test_the_mount_that_is_met_on_the_way_decides(path: str, kind: str) -> None:
    assert network_file_system(Path(path), MOUNTS) == kind


def test_the_root_may_be_on_the_network() -> None:
    mounts = "21 1 0:20 / / rw - nfs server:/ rw\n22 21 8:1 / /scratch rw - ext4 /dev/sda1 rw\n"
    assert network_file_system(Path("/home/store.db"), mounts) == "nfs"
    assert network_file_system(Path("/scratch/store.db"), mounts) == ""


def test_a_root_that_is_mounted_over_counts_no_more() -> None:
    mounts = "1 1 0:1 / / rw - nfs server:/ rw\n21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    assert network_file_system(Path("/store.db"), mounts) == ""


@pytest.mark.parametrize("mounts", ["", "nonsense", "1 2 3 4 5 - "])
def test_a_text_that_says_nothing_refuses_nothing(mounts: str) -> None:
    assert network_file_system(Path("/store.db"), mounts) == ""


def test_this_machines_mounts_can_be_read(tmp_path: Path) -> None:
    assert isinstance(network_file_system(tmp_path / "store.db"), str)
    assert network_file_system(Path("/proc/self")) == ""
