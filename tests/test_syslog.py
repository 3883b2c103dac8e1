"""Messages through syslog: as RFC 5424 has them, whole, also over a daemon that stops, hangs or is replaced."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.sinks.sink import SinkError
from recorder.sinks.spool import Spool
from recorder.sinks.syslog_sink import FACILITIES, SAFE_PAYLOAD, SyslogSink
from tests.peers import needs

PATIENCE = 60.0
"""Seconds after which a daemon that does not answer has failed."""

RFC5424 = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) "
    rb"([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) "
    rb'\[sessrec@32473 rec="((?:[^"\\\]]|\\["\\\]])*)"\] (.*)',
    re.DOTALL,
)


class Rsyslogd:
    """The real daemon on a socket of its own; what it takes it appends to `log`."""

    def __init__(self, directory, *, stock):
        self.socket = directory / "dev-log"
        self.log = directory / "messages"
        self.directory = directory
        # As it is installed: messages cut at 8 KiB, and read as those of syslog(3).
        size = "" if stock else 'maxMessageSize="256k"'
        parser = "on" if stock else "off"
        self.config = directory / "rsyslog.conf"
        self.config.write_text(
            f'global(workDirectory="{directory}" {size})\n'
            'module(load="imuxsock" sysSock.use="off")\n'
            f'input(type="imuxsock" Socket="{self.socket}" UseSpecialParser="{parser}")\n'
            'template(name="bare" type="string" string="%msg%\\n")\n'
            f'*.* action(type="omfile" file="{self.log}" template="bare")\n'
        )
        self.process = None

    def start(self):
        command = ["rsyslogd", "-n", "-f", str(self.config), "-i", str(self.directory / "pid")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            while probe.connect_ex(str(self.socket)):
                assert self.process.poll() is None, "rsyslogd ended"
                assert time.monotonic() < end, "rsyslogd does not listen"
                time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def messages(self, count):
        """The first `count` lines of the log, waited for."""
        end = time.monotonic() + PATIENCE
        while True:
            lines = self.log.read_bytes().splitlines(keepends=True) if self.log.exists() else []
            if len(lines) >= count:
                return lines
            assert time.monotonic() < end, f"{len(lines)} of {count} messages"
            time.sleep(0.02)


def drain(spool):
    """Until a daemon that is merely slower than we are has taken everything."""
    end = time.monotonic() + PATIENCE
    while not spool.retry():
        assert time.monotonic() < end, spool.last_error
        time.sleep(0.01)


@pytest.fixture
def rsyslogd(tmp_path, request):
    daemon = Rsyslogd(tmp_path, stock=getattr(request, "param", None) == "stock")
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.kill()


@pytest.fixture
def receiver(tmp_path):
    """A socket in the daemon's place, to see what is sent to it."""
    with listening(tmp_path / "log", socket.SOCK_DGRAM) as bound:
        yield bound


def listening(path, kind):
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, kind)
    bound.bind(str(path))
    bound.settimeout(PATIENCE)
    if kind == socket.SOCK_STREAM:
        bound.listen()
    return bound


def write(sink, line, rec="0a1b2c", kind="io"):
    sink.write([line[:4], line[4:]], rec=rec, kind=kind)


def line(number, size=10):
    text = json.dumps({"id": number, "out_txt": "\x1b[1m\t#033 ä漢🙂\x9b" + "x" * size}, ensure_ascii=False)
    return text.encode() + b"\n"


def records(connection, count):
    """`count` messages from a stream: each ends with a NUL."""
    data = b""
    while data.count(b"\0") < count:
        more = connection.recv(1 << 16)
        assert more, data
        data += more
    return [RFC5424.fullmatch(record)[8] + b"\n" for record in data.split(b"\0")[:-1]]


def test_a_message_is_as_the_rfc_has_it(receiver, tmp_path):
    sink = SyslogSink(str(tmp_path / "log"), now=lambda: 1795431231.25)
    write(sink, b'{"id":1}\n', kind="event")
    expected = (
        f"<86>1 2026-11-23T10:53:51.250000Z {os.uname().nodename} sessrec {os.getpid()} event "
        '[sessrec@32473 rec="0a1b2c"] {"id":1}'
    )
    assert receiver.recv(1 << 16) == expected.encode()


@pytest.mark.parametrize(("facility", "number"), [("user", 1), ("authpriv", 10), ("local0", 16), ("local7", 23)])
def test_the_facility_is_chosen_by_name(receiver, tmp_path, facility, number):
    write(SyslogSink(str(tmp_path / "log"), facility), b"{}\n")
    assert RFC5424.fullmatch(receiver.recv(1 << 16))[1] == b"%d" % (number * 8 + 6)


def test_an_unknown_facility_is_refused_with_the_known_ones():
    with pytest.raises(SinkError, match=r"one of kern, user, .*local7"):
        SyslogSink(facility="sessions")
    assert len(FACILITIES) == 20


def test_a_recording_id_cannot_forge_structured_data(receiver, tmp_path):
    sink = SyslogSink(str(tmp_path / "log"))
    write(sink, b"{}\n", rec='a"] [forged x="\\"]\nä')
    message = RFC5424.fullmatch(receiver.recv(1 << 16))
    assert message[7] == 'a\\"\\] [forged x=\\"\\\\\\"\\]\nä'.encode()
    assert message[8] == b"{}"


def test_a_daemon_that_is_not_there_is_one_line_of_explanation(tmp_path):
    for path in (tmp_path / "log", tmp_path / ("x" * 200)):
        with pytest.raises(SinkError, match=r"syslog at /.*: [A-Z]") as caught:
            write(SyslogSink(str(path)), b"{}\n")
        assert "\n" not in str(caught.value)


def test_another_daemon_at_the_same_place_is_found(receiver, tmp_path):
    sink = SyslogSink(str(tmp_path / "log"))
    write(sink, b'{"id":1}\n')
    receiver.close()
    with pytest.raises(SinkError):
        write(sink, b'{"id":2}\n')
    with listening(tmp_path / "log", socket.SOCK_DGRAM) as next_one:
        write(sink, b'{"id":2}\n')
        assert RFC5424.fullmatch(next_one.recv(1 << 16))[8] == b'{"id":2}'
        with listening(tmp_path / "log", socket.SOCK_DGRAM) as third:
            next_one.close()
            write(sink, b'{"id":3}\n')
            assert RFC5424.fullmatch(third.recv(1 << 16))[8] == b'{"id":3}'


def test_a_session_does_not_wait_for_a_daemon_that_reads_nothing(receiver, tmp_path):
    spool = Spool(SyslogSink(str(tmp_path / "log")), 1_000_000)
    lines = [line(n) for n in range(2000)]
    for one in lines:
        spool.write([one], rec="r", kind="io")
    assert spool.pending_messages
    got = []
    while len(got) < len(lines):
        got.append(RFC5424.fullmatch(receiver.recv(1 << 16))[8] + b"\n")
        spool.retry()
    assert got == lines


def test_a_daemon_with_a_stream_gets_each_message_once(tmp_path):
    with listening(tmp_path / "log", socket.SOCK_STREAM) as daemon:
        spool = Spool(SyslogSink(str(tmp_path / "log")), 10_000_000)
        lines = [line(n, 60_000) for n in range(30)]
        for one in lines:
            spool.write([one], rec="r", kind="io")
        assert spool.pending_messages
        connection, _ = daemon.accept()
        with connection:
            connection.settimeout(PATIENCE)
            got = b""
            while got.count(b"\0") < len(lines):
                got += connection.recv(1 << 16)
                spool.retry()
        assert [RFC5424.fullmatch(record)[8] + b"\n" for record in got.split(b"\0")[:-1]] == lines


def test_a_message_that_a_stream_took_half_of_is_ended_before_another(tmp_path):
    with listening(tmp_path / "log", socket.SOCK_STREAM) as daemon:
        sink = SyslogSink(str(tmp_path / "log"))
        taken = 0
        with contextlib.suppress(SinkError):
            while True:
                write(sink, line(taken, 60_000))
                taken += 1
        connection, _ = daemon.accept()
        with connection:
            connection.settimeout(PATIENCE)
            got = b""
            while True:
                try:
                    write(sink, b'{"another":1}\n')
                    break
                except SinkError:
                    got += connection.recv(1 << 16)
            sink.close()
            while more := connection.recv(1 << 16):
                got += more
        messages = [RFC5424.fullmatch(record)[8] + b"\n" for record in got.split(b"\0")[:-1]]
        assert messages[:taken] == [line(n, 60_000) for n in range(taken)]
        assert messages[taken:] in ([line(taken, 60_000), b'{"another":1}\n'], [b'{"another":1}\n'])


def test_a_message_that_a_lost_stream_took_half_of_is_sent_whole_again(tmp_path):
    with listening(tmp_path / "log", socket.SOCK_STREAM) as daemon:
        sink = SyslogSink(str(tmp_path / "log"))
        spool = Spool(sink, 10_000_000)
        number = 0
        while not spool.pending_messages:
            spool.write([line(number, 60_000)], rec="r", kind="io")
            number += 1
        daemon.accept()[0].close()
        assert spool.retry()
        connection, _ = daemon.accept()
        with connection:
            connection.settimeout(PATIENCE)
            assert records(connection, 1) == [line(number - 1, 60_000)]
            spool.write([line(number)], rec="r", kind="io")
            assert records(connection, 1) == [line(number)]


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_prop_any_recording_id_is_one_value(tmp_path_factory, rec, kind):
    path = tmp_path_factory.mktemp("s") / "log"
    with listening(path, socket.SOCK_DGRAM) as bound:
        sink = SyslogSink(str(path))
        write(sink, b"{}\n", rec=rec, kind=kind)
        message = RFC5424.fullmatch(bound.recv(1 << 16))
        sink.close()
    assert re.sub(rb'\\(["\\\]])', rb"\1", message[7]) == rec.encode(errors="replace")
    assert message[8] == b"{}"


@needs("rsyslogd")
def test_messages_are_in_the_log_of_rsyslog_as_they_were_written(rsyslogd):
    sink = SyslogSink(str(rsyslogd.socket))
    lines = [line(1), line(2, 60_000), b'{"bytes":"\xc2\x80\xc2\x9b","id":3}\n']
    for one in lines:
        write(sink, one)
    assert rsyslogd.messages(3) == lines


@needs("rsyslogd")
@pytest.mark.parametrize("rsyslogd", ["stock"], indirect=True)
def test_rsyslog_as_it_is_installed_cuts_no_message(rsyslogd):
    """The longest that the terminal's bytes become, with the header, the seal and the signature of a message."""
    sink = SyslogSink(str(rsyslogd.socket))
    longest = json.dumps({"header": "x" * 600, "out_txt": "\x1b" * SAFE_PAYLOAD, "id": 1}).encode() + b"\n"
    assert len(longest) > 6 * SAFE_PAYLOAD
    write(sink, longest)
    assert rsyslogd.messages(1)[0].endswith(b"] " + longest)


@needs("rsyslogd")
def test_nothing_is_lost_when_rsyslog_is_stopped_and_started_again(rsyslogd):
    spool = Spool(SyslogSink(str(rsyslogd.socket)), 1_000_000)
    lines = [line(n, 100 * n) for n in range(60)]
    for number, one in enumerate(lines):
        if number == 20:
            drain(spool)
            assert rsyslogd.messages(20) == lines[:20]
            rsyslogd.stop()
        if number == 40:
            assert spool.last_error is not None
            assert spool.pending_messages == 20
            rsyslogd.start()
        spool.write([one], rec="r", kind="io")
    assert spool.close(PATIENCE)
    assert rsyslogd.messages(60) == lines


@needs("rsyslogd")
def test_nothing_is_lost_when_rsyslog_hangs_for_a_while(rsyslogd):
    spool = Spool(SyslogSink(str(rsyslogd.socket)), 10_000_000)
    lines = [line(n, 100) for n in range(3000)]
    os.kill(rsyslogd.process.pid, signal.SIGSTOP)
    try:
        for one in lines:
            spool.write([one], rec="r", kind="io")
        assert spool.pending_messages
    finally:
        os.kill(rsyslogd.process.pid, signal.SIGCONT)
    assert spool.close(PATIENCE)
    assert rsyslogd.messages(3000) == lines
