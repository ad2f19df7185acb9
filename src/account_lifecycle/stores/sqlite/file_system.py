"""Where a file lies: SQLite's write-ahead log needs memory that all processes share, which no network gives.

Knows what the system tells about its mounts; it must never know a database.
"""

import re
from pathlib import Path

from ...errors import StoreError

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux tells them; elsewhere nothing is known and nothing refused."""

NETWORKED = frozenset(
    (
        *("9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb", "smb3", "smbfs"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)
"""Kinds of file system on which other machines, or another kernel, may have the same file open."""


def check_file_system(path: Path, mounts: Path | None = None) -> None:
    """Refuse a file on a network file system."""
    try:
        told = (mounts or MOUNTS).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    mount, kind = mount_of(path.resolve(), told)
    if kind in NETWORKED:
        raise StoreError(
            f"{path} lies on a network file system ({kind}, mounted at {mount}), on which SQLite can lose what was "
            "committed. Put it on a disk of this machine, or use a database server."
        )


def mount_of(path: Path, told: str) -> tuple[str, str]:
    """The mount point that a path lies below, and its kind, from the text of ``mountinfo``; blank if there is none."""
    found = ("", "")
    for line in told.splitlines():
        before, separator, after = line.partition(" - ")
        columns = before.split(" ")
        if not separator or len(columns) < 5:
            continue
        mount = _unescaped(columns[4])
        if path.is_relative_to(mount) and len(mount) >= len(found[0]):  # of two at one place the later is in force
            found = mount, after.split(" ")[0]
    return found


def _unescaped(text: str) -> str:
    """White space in a mount point is told in octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
