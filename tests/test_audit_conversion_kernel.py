"""What this machine's kernel tells of a login becomes events, record by record as it comes."""

import socket
import struct
import sys
import time

import pytest

from recorder.audit.conversion import Converter
from recorder.audit.record import from_netlink
from tests.audit import PATIENCE, machine_audit, run

ALICE = 54331
READLOG = 1
"""The multicast group that every record of the kernel goes to."""


@pytest.fixture
def records():
    """Takes what the kernel has sent since: records, as far as an event is made of them."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as link:
        link.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        link.bind((0, READLOG))

        def received():
            found = []
            while True:
                try:
                    message = link.recv(1 << 16, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    return [record for record in found if record is not None]
                _, number, *_ = struct.unpack_from("=IHHII", message)
                found.append(from_netlink(number, message[16:]))

        yield received


def test_a_login_on_this_machine_is_told_as_events(records, tmp_path):
    secret, place = tmp_path / "secret", tmp_path / "place"
    secret.write_text("x")
    place.mkdir()
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o755)
    with machine_audit() as audit:
        alice = audit.login(ALICE)
        for rule in (
            "-F arch=b64 -S execve,execveat", "-F arch=b64 -S connect -F saddr_fam=2",
            f"-F dir={place} -F perm=wa", f"-F path={secret} -F perm=r",
        ):  # fmt: skip
            run("auditctl", "-a", "always,exit", *rule.split(), "-F", f"auid={ALICE}", "-k", audit.key)
        alice.does(f"cd {place}; {script} 'two words' || /no/such/program; read x < {secret}")
        alice.does("echo > one; echo > one; mv one zwei; mkdir dir; chmod 700 dir; echo > dir/inner; rm -r dir zwei")
        alice.does(f"{sys.executable} -c 'import socket as s; s.socket().connect_ex((\"127.0.0.1\", 9))'")
        alice.does("/bin/true end")
        converter = Converter()
        events = []
        end = time.monotonic() + PATIENCE
        while not any(event.fields["process"].get("args") == ["/bin/true", "end"] for event in events):
            assert time.monotonic() < end
            events += converter.feed_records(records())
            time.sleep(0.02)
        events += converter.finish()
    ours = sorted((event for event in events if event.auid == ALICE), key=lambda event: event.serial)
    assert {event.session for event in ours} == {alice.session}
    assert all(abs(event.time - time.time()) < 2 * PATIENCE for event in ours)

    (run_script,) = [event for event in ours if "script" in event.fields.get("sessrec", {})]
    assert run_script.fields["sessrec"] == {"script": str(script), "interpreter": "/bin/sh"}
    assert run_script.fields["process"]["args"] == ["/bin/sh", str(script), "two words"]
    assert run_script.fields["process"]["working_directory"] == str(place)
    assert ["/no/such/program", "ENOENT"] in [
        [event.fields["process"]["executable"], event.fields["sessrec"]["error"]]
        for event in ours
        if event.action == "exec" and event.fields["event"]["outcome"] == "failure"
    ]
    files = [
        (event.action, event.fields["file"]["path"].removeprefix(f"{tmp_path}/"))
        for event in ours
        if event.action.startswith("file-")
    ]
    for told in (
        ("file-read", "secret"), ("file-create", "place/one"), ("file-write", "place/one"),
        ("file-rename", "place/zwei"), ("file-create", "place/dir"), ("file-attributes", "place/dir"),
        ("file-create", "place/dir/inner"), ("file-delete", "place/dir/inner"), ("file-delete", "place/dir"),
        ("file-delete", "place/zwei"),
    ):  # fmt: skip
        assert told in files, files
    (connection,) = [event for event in ours if event.action == "connect"]
    assert connection.fields["destination"] == {"ip": "127.0.0.1", "port": 9}
