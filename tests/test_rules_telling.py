"""What follows from an alert: an entry in the journal, a webhook, a command, an order to the session; and that none
of them can hold up an ingest."""

import contextlib
import json
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from auditor.recordings.store import Facts
from auditor.rules import action
from auditor.rules.alert import Alert
from auditor.rules.journal_entry import JournalEntries, line_about
from auditor.rules.rule import Actions, Order, Rule
from auditor.rules.teller import AlertTeller
from tests.journald import running_journald

RULE = Rule(name="root-shell", place="r.toml:1", description="A root shell", severity=73)
SECRET = "https-like-secret"


def facts(**changes):
    return replace(Facts("7f3c", "web1.example.test", "alice", "xterm", 7, time.time() - 10), **changes)


def alert(at=3200, matched="sudo -i", **actions):
    return Alert(replace(RULE, actions=Actions(**actions)), at, "command", matched)


class Complaints(list):
    def __call__(self, line):
        assert "\n" not in line
        self.append(line)


@pytest.fixture
def complaints():
    return Complaints()


@pytest.fixture
def journal(tmp_path):
    """A socket in journald's place. It holds few entries at a time, as journald's does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "journal"))
        yield bound


@pytest.fixture
def teller(tmp_path, complaints, journal):
    """One whose journal is the socket."""
    return AlertTeller(complaints, JournalEntries(str(tmp_path / "journal")), ipa=str(tmp_path / "ipa"))


@pytest.fixture
def drained(journal):
    """Somebody reads the journal's socket."""
    thread = threading.Thread(target=_drain, args=(journal,), daemon=True)
    thread.start()
    yield
    journal.shutdown(socket.SHUT_RDWR)
    thread.join()


def _drain(journal):
    while journal.recv(65536):
        pass


@contextlib.contextmanager
def web_server(*answers, hang=0.0):
    """A server on the loopback that gives these answers in turn, the last one again and again; what it was sent."""
    sent = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(hang)
            status = answers[min(len(sent), len(answers)) - 1]
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{SECRET}", sent
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch):
    monkeypatch.setattr(action.post, "__defaults__", ((0.01, 0.01),))


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_an_alert_is_an_entry_of_the_journal_with_its_fields(complaints):
    with running_journald() as journald:
        teller = AlertTeller(complaints, JournalEntries(f"/run/systemd/journal.{journald.namespace}/socket"))
        teller.tell(facts(), alert(matched="a\x1b[2J\nb"))
        teller.close()
        (entry,) = journald.entries()
    assert complaints == []
    assert entry["PRIORITY"] == "3"
    assert (entry["SESSREC_REC"], entry["SESSREC_RULE"], entry["SESSREC_TYPE"]) == ("7f3c", "root-shell", "alert")
    assert (entry["SESSREC_USER"], entry["SESSREC_HOST"]) == ("alice", "web1.example.test")
    assert entry["MESSAGE"] == (
        r"alert root-shell: alice@web1.example.test 7f3c 0:00:03.200: A root shell: a\x1b[2J\nb"
    )
    text = entry["SESSREC_MATCHED"]
    assert (bytes(text).decode() if isinstance(text, list) else text) == "a\x1b[2J\nb"


@pytest.mark.parametrize(("severity", "priority"), [(0, 5), (39, 5), (40, 4), (73, 3), (99, 2), (100, 2)])
def test_the_priority_follows_the_severity(teller, journal, severity, priority):
    teller.tell(facts(), replace(alert(), rule=replace(RULE, severity=severity)))
    assert b"PRIORITY=%d\n" % priority in journal.recv(65536)


def test_a_journal_that_is_away_is_told_once(tmp_path, complaints):
    teller = AlertTeller(complaints, JournalEntries(str(tmp_path / "nothing")))
    for _ in range(3):
        teller.tell(facts(), alert())
    teller.close()
    assert complaints == ["alerts do not reach the journal (No such file or directory): the alert is in the store"]


def test_a_journald_that_is_slow_gets_every_alert_and_holds_up_nothing(teller, journal, complaints):
    started = time.monotonic()
    for number in range(500):
        teller.tell(facts(rec=f"r{number}"), alert())
    assert time.monotonic() - started < 0.5
    for number in range(500):
        assert b"SESSREC_REC=r%d\n" % number in journal.recv(65536)
    teller.close()
    assert complaints == []


def test_an_alert_that_names_bytes_of_no_text_is_one_line():
    assert line_about(facts(user="a\nb"), alert(matched="\u202ex\x00")).isprintable()


def test_a_webhook_gets_the_alert_as_json(teller, complaints):
    with web_server(204) as (url, sent):
        teller.tell(facts(), alert(webhook=url))
        teller.close()
    assert complaints == []
    (got,) = sent
    assert (got["rec"], got["rule"], got["at_ms"], got["matched"]) == ("7f3c", "root-shell", 3200, "sudo -i")
    assert (got["user"], got["host"], got["severity"]) == ("alice", "web1.example.test", 73)


def test_a_web_server_with_a_fault_is_asked_again(teller, complaints):
    with web_server(503, 429, 200) as (url, sent):
        teller.tell(facts(), alert(webhook=url))
        teller.close()
    assert len(sent) == 3
    assert complaints == []


def test_a_webhook_that_fails_is_told_once_and_without_its_secret(teller, complaints):
    with web_server(500) as (url, sent):
        for _ in range(3):
            teller.tell(facts(), alert(webhook=url))
        teller.close()
    assert len(sent) == 9
    assert complaints == ["the webhook http://127.0.0.1 answered 500: the alert is in the store"]


def test_a_webhook_follows_nobody_elsewhere(teller, complaints):
    with web_server(302) as (url, sent):
        teller.tell(facts(), alert(webhook=url))
        teller.close()
    assert len(sent) == 1
    assert complaints == ["the webhook http://127.0.0.1 answered 302: the alert is in the store"]


def test_a_webhook_at_which_nobody_listens_is_told(teller, complaints):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        teller.tell(facts(), alert(webhook=f"http://127.0.0.1:{unused.getsockname()[1]}/"))
        teller.close()
    assert complaints == ["the webhook http://127.0.0.1 cannot be reached: [Errno 111] Connection refused: "
                          "the alert is in the store"]  # fmt: skip


def test_a_webhook_that_hangs_delays_neither_the_ingest_nor_other_webhooks(teller, drained, complaints):
    with web_server(200, hang=1.5) as (slow, _), web_server(200) as (quick, sent):
        started = time.monotonic()
        for _ in range(20):
            teller.tell(facts(), alert(webhook=slow))
        teller.tell(facts(), alert(webhook=quick))
        assert time.monotonic() - started < 0.5
        while not sent:
            assert time.monotonic() - started < 1.2, "the other webhook waits"
            time.sleep(0.01)
        teller.close(0.1)
        assert time.monotonic() - started < 1.5
        assert complaints == ["20 messages about alerts were not sent in time: the alerts are in the store"]


def test_more_alerts_than_can_wait_are_dropped_and_that_is_told_once(teller, drained, complaints):
    with web_server(200, hang=1.0) as (url, _):
        for _ in range(1100):
            teller.tell(facts(), alert(webhook=url))
        teller.close(0.4)
    assert complaints[0] == "more than 1000 alerts wait for one action: further ones are not sent"
    assert len(complaints) == 2


def test_a_command_gets_the_alert_on_its_standard_input_and_no_shell_between(teller, tmp_path, complaints):
    out = tmp_path / "out"
    program = script(tmp_path / "page", f'echo "$1" > {out}; cat >> {out}')
    teller.tell(facts(), alert(matched="$(touch /tmp/x)", run=(program, "; $(id)")))
    teller.close()
    first, second = out.read_text().splitlines()
    assert first == "; $(id)"
    assert json.loads(second)["matched"] == "$(touch /tmp/x)"
    assert complaints == []


def test_a_command_that_fails_is_told(teller, tmp_path, complaints):
    program = script(tmp_path / "page", "exit 7")
    teller.tell(facts(), alert(run=(program,)))
    teller.tell(facts(), alert(run=(str(tmp_path / "nothing"),)))
    teller.close()
    assert sorted(complaints) == [
        f"{tmp_path}/nothing cannot be run: No such file or directory: the alert is in the store",
        f"{program} failed with status 7: the alert is in the store",
    ]


def test_a_command_that_does_not_end_is_killed_with_what_it_started(tmp_path):
    mark = tmp_path / "mark"
    program = script(tmp_path / "page", f"(sleep 1; touch {mark}) & sleep 60")
    started = time.monotonic()
    with pytest.raises(action.ActionError, match=r"took longer than 0.3 s, and was killed"):
        action.run((program,), {}, 0.3)
    assert time.monotonic() - started < 5
    time.sleep(1.2)
    assert not mark.exists()


def test_a_command_that_reads_nothing_has_not_failed(tmp_path):
    action.run((script(tmp_path / "page", "exec <&-; exit 0"),), {"x": "y" * 100_000}, 10)


@pytest.mark.parametrize("order", list(Order))
def test_a_session_is_suspended_or_terminated_through_freeipa(teller, tmp_path, complaints, order):
    out = tmp_path / "out"
    script(tmp_path / "ipa", f'printf "%s\\n" "$@" > {out}')
    teller.tell(facts(rec="--help"), alert(session=order))
    teller.close()
    assert out.read_text().splitlines() == [f"recordedsession-{order}", "--host=web1.example.test", "--", "--help"]
    assert complaints == []


def test_a_session_that_is_to_end_is_not_suspended_instead(teller, tmp_path):
    out = tmp_path / "out"
    script(tmp_path / "ipa", f'echo "$1 $4" >> {out}')
    for rec, order in (("a", Order.SUSPEND), ("a", Order.TERMINATE), ("a", Order.SUSPEND), ("b", Order.SUSPEND)):
        teller.tell(facts(rec=rec), alert(session=order))
    teller.close()
    assert out.read_text().splitlines() == [
        "recordedsession-suspend a",
        "recordedsession-terminate a",
        "recordedsession-suspend b",
    ]


def test_a_session_that_freeipa_has_not_heard_of_yet_is_asked_for_again(tmp_path):
    asked = tmp_path / "asked"
    ipa = script(tmp_path / "ipa", f"echo >> {asked}; test $(wc -l < {asked}) = 2 || exit 2")
    action.order(Order.SUSPEND, "r", "web1.example.test", ipa, pauses=(0.1, 60))
    assert len(asked.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ipa: ERROR: no such host", "ipa: ERROR: no such host"),
        (
            "ipa: ERROR: Insufficient access: no",
            "Insufficient access: no; let sessrec have the Kerberos ticket of an auditor",
        ),
        ("", r"ipa recordedsession-terminate failed with status 1"),
    ],
    ids=["another reason", "no right", "nothing is said"],
)
def test_an_order_that_is_refused_is_told_with_the_reason_that_freeipa_gives(tmp_path, said, told, capfd):
    asked = tmp_path / "asked"
    ipa = script(tmp_path / "ipa", f"echo >> {asked}; printf '%s\n' '{said}' >&2; exit 1")
    with pytest.raises(action.ActionError, match=rf"^session r on web1.example.test is not terminated: .*{told}$"):
        action.order(Order.TERMINATE, "r", "web1.example.test", ipa)
    assert len(asked.read_text().splitlines()) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [({"ended": True}, {}), ({"start": time.time() - 700}, {}), ({}, {"certain": False})],
    ids=["it has ended", "it was a while ago", "nobody knows the groups of its user"],
)
def test_no_session_is_ended_where_it_is_too_late_or_in_doubt(teller, tmp_path, changes, doubt):
    out = tmp_path / "out"
    script(tmp_path / "ipa", f"touch {out}")
    teller.tell(facts(**changes), replace(alert(session=Order.TERMINATE), **doubt))
    teller.close()
    assert not out.exists()


def test_an_alert_of_long_ago_goes_to_the_journal_and_starts_nothing(teller, journal, tmp_path):
    """A store that is made anew does not page anybody about last year."""
    out = tmp_path / "out"
    teller.tell(facts(start=time.time() - 90_000), alert(run=(script(tmp_path / "page", f"touch {out}"),)))
    teller.close()
    assert b"SESSREC_RULE=root-shell\n" in journal.recv(65536)
    assert not out.exists()
