"""Audit records for tests: generated as the kernel writes them, and read by auparse and ausearch.

auparse is a module of the system's Python. Where tests run in an environment of their own, it is found beside it.
"""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from hypothesis import strategies as st

SAMPLES = Path(__file__).parent / "samples" / "audit"
SYSTEM_MODULES = "/usr/lib/python3/dist-packages"
ARCH = "c000003e"
IDS = ("uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid")


def needs_auparse(test):
    """Decorator: the test runs where auparse is there; in CI it fails where it is not."""
    if _auparse_found():
        return test
    reason = "auparse not installed: apt-get install python3-audit (make test does so as root)"
    if os.environ.get("CI") != "true":
        return pytest.mark.skip(reason=reason)(test)

    def fails(*args, **kwargs):
        pytest.fail(reason)

    fails.__name__ = test.__name__
    return fails


def _auparse_found():
    if importlib.util.find_spec("auparse") is None:
        for path in Path(SYSTEM_MODULES).glob(f"auparse.{sys.implementation.cache_tag}-*.so"):
            spec = importlib.util.spec_from_file_location("auparse", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules["auparse"] = module
    return "auparse" in sys.modules or importlib.util.find_spec("auparse") is not None


def untrusted(data):
    """As audit_log_untrustedstring writes bytes: quoted, or in hexadecimal."""
    if all(0x21 <= byte <= 0x7E and byte != 0x22 for byte in data):
        return '"' + data.decode() + '"'
    return data.hex().upper()


def line(type, serial, body, time=1_700_000_000.0, node=""):
    """One record of an audit log."""
    return f"{f'node={node} ' if node else ''}type={type} msg=audit({time:.3f}:{serial}): {body}\n"


def called(serial, number, *, success=True, exit=0, args=(), items=0, exe=b"/usr/bin/x", time=1_700_000_000.0, **ids):
    """A SYSCALL record."""
    told = {"ppid": 9, "pid": 10, "auid": 1000, **dict.fromkeys(IDS, 1000), "ses": 7, **ids}
    numbers = " ".join(f"{name}={value}" for name, value in told.items() if name != "ses")
    values = " ".join(f"a{index}={value:x}" for index, value in enumerate([*args, 0, 0, 0, 0][:4]))
    return line(
        "SYSCALL",
        serial,
        f"arch={ARCH} syscall={number} success={'yes' if success else 'no'} exit={exit} {values} items={items} "
        f'{numbers} tty=pts0 ses={told["ses"]} comm="x" exe={untrusted(exe)} key=(null)',
        time,
    )


def path(serial, item, name, kind, time=1_700_000_000.0, inode=5, mode="0100644"):
    """A PATH record."""
    return line(
        "PATH",
        serial,
        f"item={item} name={untrusted(name)} inode={inode} dev=fe:00 mode={mode} ouid=0 ogid=0 rdev=00:00 "
        f"nametype={kind} cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
        time,
    )


def executed(serial, args, *, cwd=b"/", time=1_700_000_000.0, limit=None, **syscall):
    """The records of an execve; arguments longer than `limit` bytes are cut into parts, as the kernel does."""
    records = []
    parts = [f"argc={len(args)}"]
    for index, argument in enumerate(args):
        if limit is None or len(argument) <= limit:
            parts.append(f"a{index}={untrusted(argument)}")
            continue
        parts.append(f"a{index}_len={len(argument)}")
        for part, start in enumerate(range(0, len(argument), limit)):
            parts.append(f"a{index}[{part}]={untrusted(argument[start : start + limit])}")
            records.append(line("EXECVE", serial, " ".join(parts), time))
            parts = []
    if parts:
        records.append(line("EXECVE", serial, " ".join(parts), time))
    return [
        called(serial, 59, items=1, time=time, **syscall),
        *records,
        line("CWD", serial, f"cwd={untrusted(cwd)}", time),
        path(serial, 0, b"/usr/bin/x", "NORMAL", time),
        line("PROCTITLE", serial, f"proctitle={untrusted(bytes(128))}", time),
        line("EOE", serial, "", time),
    ]


names = st.binary(min_size=1, max_size=24).filter(lambda data: b"\0" not in data)
"""What a file or an argument may be called."""


@st.composite
def groups(draw, serial):
    """The records of an exec, of a file that is opened, or of a connection."""
    kind = draw(st.sampled_from(["exec", "open", "connect", "login"]))
    if kind == "exec":
        args = draw(st.lists(st.one_of(names, st.just(b"")), min_size=1, max_size=6))
        return executed(serial, args, pid=serial, cwd=b"/" + draw(names), limit=draw(st.sampled_from([None, 3, 9])))
    if kind == "open":
        made = draw(st.booleans())
        flags = draw(st.sampled_from([0, 1, 2, 0o101, 0o1001]))
        files = [path(serial, 0, b"/srv", "PARENT", mode="040755")] if made else []
        files.append(path(serial, len(files), draw(names), "CREATE" if made else "NORMAL"))
        return [
            called(serial, 257, pid=serial, exit=3, args=[0xFFFFFF9C, 1, flags], items=len(files), exe=draw(names)),
            line("CWD", serial, f"cwd={untrusted(b'/' + draw(names))}"),
            *files,
            line("PROCTITLE", serial, 'proctitle="x"'),
            line("EOE", serial, ""),
        ]
    if kind == "connect":
        port, ip = draw(st.integers(0, 65535)), draw(st.binary(min_size=4, max_size=4))
        success = draw(st.booleans())
        saddr = b"\2\0" + port.to_bytes(2) + ip + bytes(8)
        return [
            called(serial, 42, pid=serial, success=success, exit=0 if success else -111),
            line("SOCKADDR", serial, f"saddr={saddr.hex().upper()}"),
            line("PROCTITLE", serial, 'proctitle="x"'),
            line("EOE", serial, ""),
        ]
    who = untrusted(draw(names))
    told = f'op=PAM:session_open grantors=? acct={who} exe="/usr/bin/su" hostname=? addr=? terminal=? res=success'
    return [line("USER_START", serial, f"pid=1 uid=0 auid=1000 ses=7 msg='{told}'")]


@st.composite
def logs(draw, max_groups=6):
    """Events as lists of their records."""
    return [draw(groups(serial + 1)) for serial in range(draw(st.integers(1, max_groups)))]


@st.composite
def mixed(draw, events):
    """The records of events interleaved, each event's own in their order."""
    rest = [list(event) for event in events]
    lines = []
    while rest:
        index = draw(st.integers(0, len(rest) - 1))
        lines.append(rest[index].pop(0))
        if not rest[index]:
            del rest[index]
    return lines
