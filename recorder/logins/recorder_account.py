"""The system user that those run as who record sessions."""

import pwd

from recorder.errors import SessrecError


class AccountError(SessrecError):
    """Nobody can record as this user."""


def recorder_account(name: str) -> tuple[int, int]:
    """Uid and gid of it. Raises AccountError."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise AccountError(f"there is no user {name}: create it, or set `user` in the configuration") from error
    if entry.pw_uid == 0:
        raise AccountError("recorders must not run as root: set `user` in the configuration to a system user")
    return entry.pw_uid, entry.pw_gid
