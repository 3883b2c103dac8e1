"""Paths of what a running process has open, as /proc has them: for names that are relative to an open directory.

The process may have closed it since, and opened something else as the same descriptor; device and inode tell.
"""

import os


def open_file(pid: int, descriptor: int, device: str, inode: str) -> str:
    """The path of the file that `pid` has open as `descriptor`, if it is this one; "" where it is not, or is gone.

    `device` is as audit writes it, major and minor in hexadecimal: `fe:00`. On file systems whose files have devices
    of their own in `stat` (btrfs) nothing is found. For `recorder.audit.conversion.Converter(locate=open_file)`.
    """
    link = f"/proc/{pid}/fd/{descriptor}"
    try:
        found = os.stat(link)
        path = os.readlink(link)
    except (OSError, OverflowError, ValueError):
        return ""
    same = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}" == device and str(found.st_ino) == inode
    return path if same and found.st_nlink and path.startswith("/") else ""
