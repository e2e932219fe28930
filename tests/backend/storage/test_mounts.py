from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_jobs.backend.storage.mounts import network_file_system

TABLE = r"""
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
filer:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/scratch xfs rw 0 0
user@host: /mnt/far\040away fuse.sshfs rw 0 0
//filer/share /mnt/share cifs rw 0 0
tmpfs /home/ann/tmp tmpfs rw 0 0
filer:/late /over nfs rw 0 0
/dev/sdc1 /over ext4 rw 0 0
half
"""


@pytest.mark.parametrize(
    ("folder", "type_"),
    [
        ("/var/lib/jobs", None),
        ("/home/ann/jobs", "nfs4"),
        ("/home", "nfs4"),
        ("/homework", None),
        ("/home/scratch/ann", None),
        ("/home/ann/tmp/jobs", None),
        ("/mnt/far away/jobs", "fuse.sshfs"),
        ("/mnt/share", "cifs"),
        ("/over/jobs", None),  # what was mounted there later covers it
    ],
)
def test_a_folder_is_on_what_is_mounted_nearest_above_it(folder: str, type_: str | None) -> None:
    assert network_file_system(Path(folder), TABLE) == type_


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/home/ann")

    assert network_file_system(tmp_path / "link" / "jobs", TABLE) == "nfs4"


def test_the_systems_own_table_is_read(tmp_path: Path) -> None:
    assert network_file_system(tmp_path) is None
