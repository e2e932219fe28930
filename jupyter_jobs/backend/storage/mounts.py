"""Whether a folder is on another machine's disk, as the system's table of mounts says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["network_file_system"]

_TABLE = Path("/proc/self/mounts")  # proc_pid_mounts(5)
_NETWORK = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs", "gfs2", "glusterfs", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb3", "smbfs"),
        *("fuse.beegfs", "fuse.ceph", "fuse.davfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs"),
        *("fuse.rclone", "fuse.s3fs", "fuse.sshfs", "fuse.blobfuse", "fuse.blobfuse2"),
    }
)  # fmt: skip


def network_file_system(folder: Path, table: str | None = None) -> str | None:
    """Return the type of the network file system that a folder is on; None for a disk of this machine.

    Args:
        folder: It need not be there yet.
        table: The mounts as `/proc/self/mounts` tells them; without it as they are. Where nobody tells, all is local.
    """
    if table is None:
        try:
            table = _TABLE.read_text("utf-8", "surrogateescape")
        except OSError:
            return None
    folder = folder.resolve()
    found, depth = None, -1
    for mounted, type_ in _mounts(table):
        # Of two on the same place the later one covers the other.
        if folder.is_relative_to(mounted) and len(mounted.parts) >= depth:
            found, depth = type_, len(mounted.parts)
    return found if found in _NETWORK else None


def _mounts(table: str) -> Iterator[tuple[Path, str]]:
    for line in table.splitlines():
        _, mounted, type_, *_ = [*line.split(" "), "", "", ""]
        # Blanks and the like are written in octal.
        place = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), mounted)
        if place.startswith("/"):
            yield Path(place), type_
