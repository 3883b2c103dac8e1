"""The responder on a bus of its own, called as programs call it."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.live import Worker, until

ROOT = Path(__file__).parent.parent
PYTHON = "/usr/bin/python3"
NAME = "org.freeipa.SessionRecording1"
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/>
<allow own="*"/><allow user="*"/></policy>{more}</busconfig>"""
CLIENT = """
import json, os, sys, dbus
name, path = "org.freeipa.SessionRecording1", "/org/freeipa/SessionRecording1"
thing = dbus.SystemBus(private=True).get_object(name, path, introspect=False)
ours = dbus.Interface(thing, "org.freeipa.SessionRecording1")
properties = dbus.Interface(thing, "org.freedesktop.DBus.Properties")
try:
    print(json.dumps(eval(sys.argv[1])))
except dbus.DBusException as error:
    print(json.dumps([error.get_dbus_name(), error.get_dbus_message()]))
"""

pytestmark = pytest.mark.skipif(
    shutil.which("dbus-daemon") is None
    or subprocess.run([PYTHON, "-c", "import dbus, gi.repository.GLib"], capture_output=True).returncode != 0,
    reason="needs dbus-daemon, python3-dbus and python3-gi of the system",
)


class Served:
    """A bus, the responder on it, and its sessions' directory."""

    def __init__(self, more=""):
        # Not below pytest's directory, which other users do not enter.
        self._directory = tempfile.TemporaryDirectory()
        path = Path(self._directory.name)
        path.chmod(0o755)
        self.sessions = path / "sessions"
        self.sessions.mkdir()
        (path / "bus.conf").write_text(CONFIG.format(socket=path / "bus", more=more))
        self._daemon = subprocess.Popen(["dbus-daemon", f"--config-file={path}/bus.conf", "--nofork", "--nopidfile"])
        until((path / "bus").exists)
        (path / "bus").chmod(0o666)
        self.environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={path}/bus", "PATH": os.environ["PATH"]}
        self._responder = subprocess.Popen(
            [PYTHON, ROOT / "tests/bus_server.py", self.sessions],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._responder.stdout.readline() == b"started\n"
        until(lambda: self.call("ours.Sessions()")[:1] != ["org.freedesktop.DBus.Error.ServiceUnknown"])

    def call(self, expression, user=None):
        """What an expression over `ours` and `properties` gives to a user's program; an error: [name, message]."""
        done = subprocess.run(
            [PYTHON, "-c", CLIENT, expression],
            env=self.environment,
            capture_output=True,
            text=True,
            user=user,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def monitor(self):
        """A process that prints signals of ours."""
        script = (
            "import dbus, json, sys\nfrom dbus.mainloop.glib import DBusGMainLoop\nfrom gi.repository import GLib\n"
            "bus = dbus.SystemBus(mainloop=DBusGMainLoop())\n"
            "bus.add_signal_receiver(lambda *a, member: print(json.dumps([member, *a]), flush=True), "
            "path='/org/freeipa/SessionRecording1', member_keyword='member')\n"
            "print('ready', flush=True)\nGLib.MainLoop().run()"
        )
        process = subprocess.Popen([PYTHON, "-c", script], env=self.environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    def stop(self):
        self._responder.communicate(b"", timeout=20)
        self._daemon.terminate()
        self._daemon.wait()
        self._directory.cleanup()


@pytest.fixture(scope="module")
def served():
    served = Served()
    yield served
    served.stop()


@pytest.fixture
def worker(served):
    worker = Worker(served.sessions, "one")
    until(lambda: served.call("ours.Sessions()"))
    yield worker
    worker.end()
    until(lambda: not served.call("ours.Sessions()"), 20)


def error(kind):
    return f"{NAME}.Error.{kind}"


def test_sessions_are_listed_with_all_that_is_known_of_them(served, worker):
    [session] = served.call("ours.Sessions()")
    assert session == {**worker.description, "state": "running"}


def test_sessions_are_suspended_resumed_and_terminated_in_somebodys_name(served, worker):
    assert served.call("ours.Suspend('one', 'alice from Cockpit')") == "suspended"
    assert served.call("ours.Resume('one', '')") == "running"
    assert served.call("ours.Terminate('one', '')") == "ended"
    assert worker.asked[-3:] == [("suspend", "alice from Cockpit"), ("resume", "root"), ("terminate", "root")]


def test_watching_gives_a_socket_with_the_screen(served, worker):
    worker.screen = b"$ ls\r\n"
    script = (
        "(lambda a: [os.read(a[0].take(), 9999).decode(), str(a[1]), int(a[2]), int(a[3])])(ours.Watch('one', ''))"
    )
    assert served.call(script) == ["o$ ls\r\n", "running", 80, 24]


@pytest.mark.parametrize("call", ["Suspend('none', '')", "Watch('none', '')", "Terminate('../one', '')"])
def test_a_session_that_is_not_there_has_an_error_of_its_own(served, worker, call):
    assert served.call(f"ours.{call}")[0] == error("NoSuchSession")


@pytest.mark.parametrize(
    "call",
    ["Suspend('one', 'x' * 257)", "Suspend('one', 'a\\x1b[2J')", "Suspend('one\\n', '')"],
)
def test_an_argument_that_is_none_is_refused(served, worker, call):
    assert served.call(f"ours.{call}")[0] == error("InvalidArgument")
    assert [asked for asked in worker.asked if asked[0] == "suspend"] == []


def test_a_session_that_does_not_do_it_says_why(served, worker):
    worker.answer = b'{"error":"it has no terminal"}'
    name, message = served.call("ours.Suspend('one', '')")
    assert name == error("Failed")
    assert "it has no terminal" in message


def test_a_session_that_hangs_holds_no_other_caller_up(served, worker):
    worker._serve_one = lambda connection: time.sleep(3)
    hanging = subprocess.Popen(
        [PYTHON, "-c", CLIENT, "ours.Suspend('one', '')"], env=served.environment, stdout=subprocess.PIPE
    )
    time.sleep(0.5)
    begun = time.monotonic()
    assert len(served.call("ours.Sessions()")) == 1
    assert time.monotonic() - begun < 1
    assert json.loads(hanging.communicate()[0])[0] == error("Failed")


def test_what_would_happen_to_a_user_is_told(served):
    answer = {"record": True, "user": "alice", "policies": ["everybody"], "settings": {"capture": ["output"]}}
    assert served.call("ours.WhatIf('alice')") == {**answer, "record": 1}
    assert served.call("ours.WhatIf('nobody')") == [error("Failed"), "there is no user nobody"]


def test_the_status_keeps_what_the_bus_can_carry(served):
    status = served.call("ours.Status()")
    assert status["directory"]["host_groups"] == ["web"]
    assert status["mixed"] == [1, "a", {"b": 1}]
    assert status["odd"] == "\\udc80\\x00"
    assert "nothing" not in status


def test_properties_are_read_and_not_written(served, worker):
    everything = served.call(f"properties.GetAll('{NAME}')")
    assert everything["SessionCount"] == 1
    assert everything["PoliciesRead"] == 1_700_000_000
    assert everything["PoliciesProblem"] == "away"
    assert everything["Host"] == "client.lab.test"
    assert served.call(f"properties.Get('{NAME}', 'SessionCount')") == 1
    assert served.call(f"properties.Get('{NAME}', 'Nothing')")[0] == "org.freedesktop.DBus.Error.UnknownProperty"
    assert (
        served.call(f"properties.Set('{NAME}', 'SessionCount', 3)")[0]
        == "org.freedesktop.DBus.Error.PropertyReadOnly"
    )


def test_beginnings_changes_and_ends_are_signalled(served):
    monitor = served.monitor()
    worker = Worker(served.sessions, "two")
    try:
        heard = [json.loads(monitor.stdout.readline()) for _ in range(2)]
        assert [line[:2] for line in heard] == [["SessionStarted", "two"], ["PropertiesChanged", NAME]]
        assert heard[0][2]["user"] == "bob"
        assert heard[1][2] == {"SessionCount": 1}
        served.call("ours.Suspend('two', '')")
        assert json.loads(monitor.stdout.readline()) == ["SessionChanged", "two", "suspended"]
        worker.end()
        assert json.loads(monitor.stdout.readline()) == ["SessionEnded", "two"]
    finally:
        worker.end()
        monitor.kill()
        monitor.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
@pytest.mark.parametrize(
    "call",
    [
        *(
            "ours.Sessions()",
            "ours.Suspend('one', '')",
            "ours.Watch('one', '')",
            "ours.Status()",
            "ours.WhatIf('alice')",
        ),
        *(f"properties.GetAll('{NAME}')", f"properties.Set('{NAME}', 'Host', 'x')"),
    ],
)
def test_only_root_may_call_even_where_the_bus_lets_others_through(served, worker, call):
    assert served.call(call, user="nobody") == [error("AccessDenied"), "only root may do this"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_the_policy_that_is_installed_lets_only_root_through():
    policy = (ROOT / "host/files/dbus-policy.conf").read_text()
    served = Served("".join(re.findall("<policy.*?</policy>", policy, re.DOTALL)))
    try:
        assert served.call("ours.Sessions()") == []
        assert served.call("ours.Sessions()", user="nobody")[0] == "org.freedesktop.DBus.Error.AccessDenied"
    finally:
        served.stop()


def test_the_page_in_the_documentation_says_what_there_is(served):
    xml = served.call("str(dbus.Interface(thing, 'org.freedesktop.DBus.Introspectable').Introspect())")
    [interface] = [one for one in ET.fromstring(xml) if one.get("name") == NAME]
    page = (ROOT / "docs/dbus.md").read_text()
    said = set(re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", page, re.MULTILINE))

    def arguments(member, direction):
        return ", ".join(f"`{a.get('type')}`" for a in member if a.get("direction", "out") == direction) or "nothing"

    there = set()
    for member in interface:
        if member.tag == "method":
            there.add((member.get("name"), arguments(member, "in"), arguments(member, "out")))
        elif member.tag == "signal":
            there.add((member.get("name"), "signal", arguments(member, "out")))
        else:
            there.add((member.get("name"), "property", f"`{member.get('type')}`"))
    assert said == there
    errors = set(re.findall(rf"{re.escape(NAME)}\.Error\.(\w+)", page))
    code = (ROOT / "sssd_responder/bus/bus_object.py").read_text()
    assert errors == set(re.findall(r'_error\("(\w+)"', code)) | set(re.findall(r'Error, "(\w+)"\)', code))
