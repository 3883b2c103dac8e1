"""What a host is told of recording logins, in the section [host] of its configuration file.

It is for both services and for `sessrec host`. What is recorded of whom is not here but in the policies.
"""

import os

from recorder.configuration import config
from recorder.configuration.setting_kinds import (
    Choice,
    Directory,
    File,
    Flag,
    Number,
    Programs,
    Seconds,
    Setting,
    Text,
)
from recorder.configuration.settings import CONFIG_FILE, Settings

__all__ = ["CONFIG_FILE", "HOST_TABLE", "HostSettings", "load"]

_ALSO = (
    "syslog_path",
    "journal_namespace",
    "prompt_pattern",
    "command_bytes_limit",
    "latency",
    "payload",
    "sign_interval",
    "spool",
    "limit_action",
    "limit_rate",
    "limit_burst",
)
"""Settings of `sessrec rec` that mean the same here, with the same defaults."""


class HostSettings(Settings):
    """Of one host. An attribute that nobody has set is its default."""

    on_failure = Choice(
        "deny",
        ("deny", "allow"),
        "a login of whom nobody can say whether he is to be recorded, because a service or the policies are missing: "
        "refuse it, or let it go on unrecorded. Where the policies can be read they say it themselves",
    )
    shell = File("/bin/sh", "the shell of a login that goes on although nobody can tell the user's own")
    shells = Programs("the shells of local users in whose passwd entry the login shell of session recording stands")
    freeipa = Flag(True, "read policies from FreeIPA where the host is enrolled, besides the local ones")
    refresh = Seconds(3.0, 0.5, 3600.0, "time between two looks at FreeIPA for changed policies")
    hostname = Text("", "the name of this host in policies and recordings (default: what the kernel has)")
    sink = Choice(
        "journald",
        ("journald", "syslog", "file"),
        "where recordings of logins go: the systemd journal, the local syslog daemon, or a file for each",
    )
    directory = Directory("/var/lib/session-recording/recordings", "where sink file makes its files")
    user = Text("session-recording", "the system user that the recorders of the sessions run as")
    session_limit = Number(
        100, 1, 10_000, "how many sessions of one user are recorded at the same time; more are refused"
    )
    audit_limit = Number(
        20, 0, 1000, "how many recorded users have audit rules of their own; above it they share rules for a range"
    )

    idle = Seconds(
        10.0,
        0.5,
        86_400.0,
        "time in which nothing happens in a session, after which its recorder gives its memory back until something "
        "does",
    )

    @property
    def fqdn(self) -> str:
        """The name of this host."""
        return self.hostname or os.uname().nodename


HOST_TABLE: "dict[str, Setting]" = {
    **{name: value for name, value in vars(HostSettings).items() if isinstance(value, Setting)},
    **{name: vars(Settings)[name] for name in _ALSO},
}
"""Every setting of the section by name, in the order in which help shows them."""


def load(path: str = CONFIG_FILE) -> HostSettings:
    """The settings in the file at `path`; the defaults where there is none. Raises config.ConfigError."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return HostSettings()
    except OSError:
        pass  # it is there and cannot be read: load says so
    return HostSettings(config.load(path, config.HOST_SECTION, HOST_TABLE))
