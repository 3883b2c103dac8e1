"""Recordings taken away from the page: by whom, in which form, and with how much memory."""

import json
import re
import threading
import time
import tracemalloc
from functools import partial

import anyio
import pytest

from auditor.ledger.entry import Wanted
from auditor.ledger.ledger import Ledger
from auditor.recordings.store import Addition, Facts
from auditor.web.access.scope import ALL, Scope
from auditor.web.access.viewer import Right, Viewer
from auditor.web.data import exports
from recorder.formats.message import Input, Output, parse
from tests.recordings import BEGAN, ingested, name_of, new_store, write_recording
from tests.sealing import line_of, messages
from tests.web.sites import client_of, site_of

TYPED = [Output(1000, b"$ "), Input(1500, b"hunter2\r"), Output(2000, b"ok \xff\r\n"), Input(2500, b"\xfe")]


@pytest.fixture
def site(tmp_path):
    store = new_store(tmp_path)
    write_recording(tmp_path / "r", TYPED, rec="rec1", user="alice", host="web1")
    ingested(store, tmp_path / "r")
    store.close()
    site = site_of(name_of(store), ledger=Ledger(tmp_path / "ledger.db", ""))
    yield site
    site.close()


def url(form, rec="rec1", **more):
    return f"/api/recordings/{rec}/export?format={form}" + "".join(f"&{name}={value}" for name, value in more.items())


def test_each_format_is_what_the_verb_writes(site):
    client = client_of(site)
    raw = client.get(url("raw"))
    assert raw.content == b"$ ok \xff\r\n"
    assert raw.headers["content-disposition"] == 'attachment; filename="sessrec-rec1.raw"'
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert raw.headers["cache-control"] == "no-store"
    cast = [json.loads(line) for line in client.get(url("asciicast")).text.splitlines()]
    assert (cast[0]["version"], [event[1:] for event in cast[1:]]) == (2, [["o", "$ "], ["o", "ok \ufffd\r\n"]])
    assert client.get(url("text")).text.split() == ["$", "ok", "\ufffd"]
    assert client.get(url("raw", input=1)).content == b"hunter2\r\xfe"
    typed = client.get(url("asciicast", input=1))
    assert '"i", "hunter2' in typed.text.replace('"i","', '"i", "')
    assert "-typed.cast" in typed.headers["content-disposition"]


@pytest.mark.parametrize("form", exports.FORMS)
def test_what_was_typed_is_in_no_format_unless_asked_for_by_one_who_may_see_it(site, form):
    exporter = client_of(site, Viewer("eve", ALL, frozenset({Right.WATCH, Right.EXPORT})))
    plain = exporter.get(url(form))
    assert plain.status_code == 200
    assert "hunter2" not in plain.text
    assert "254" not in plain.text
    refused = exporter.get(url(form, input=1))
    assert (refused.status_code, refused.json()) == (403, {"error": "You may not see what was typed."})
    assert "hunter2" not in client_of(site).get(url(form)).text
    assert "hunter2" in client_of(site).get(url(form, input=1)).text


def test_tlogs_messages_without_what_was_typed_are_whole_messages(site):
    lines = client_of(site).get(url("tlog")).text.splitlines()
    found = [parse(line.encode()) for line in lines]
    assert [message.id for message in found] == [1, 2, 3]
    packets = [packet for message in found for packet in message.packets]
    assert [packet for packet in packets if isinstance(packet, Output)] == [TYPED[0], TYPED[2]]
    assert not [packet for packet in packets if isinstance(packet, Input)]


def test_tlogs_messages_do_not_say_when_something_was_typed_either():
    fields = messages(["$ "])[1] | {"timing": "=80x24>2+10<3+5[1/1>2", "in_txt": "abc\ufffd", "in_bin": [255]}
    message = parse(line_of(fields | {"out_txt": "$ ok"}))
    (line,) = exports.tlog.export([message], with_input=False)
    plain = parse(line)
    assert plain.fields["timing"] == "=80x24>2+15>2"
    assert [packet for packet in message.packets if not isinstance(packet, Input)] == list(plain.packets)


def test_who_may_not_export_gets_nothing_and_who_may_is_recorded(site):
    watcher = client_of(site, Viewer("walter", ALL, frozenset({Right.WATCH, Right.INPUT})))
    assert watcher.get(url("raw")).status_code == 403
    elsewhere = client_of(site, Viewer("wanda", Scope.of(hosts=("db*",)), frozenset(Right)))
    assert elsewhere.get(url("raw")).status_code == 404
    assert list(site.ledger.entries()) == []
    client_of(site).get(url("tlog", input=1))
    (entry,) = site.ledger.entries(Wanted(actions=("export",)))
    assert (entry.viewer, entry.rec, entry.user, entry.host) == ("auditor", "rec1", "alice", "web1")
    assert entry.detail == {"format": "tlog", "input": True}


def test_bad_requests_are_one_line(site):
    client = client_of(site)
    for form in ("", "exe", "../raw", "raw%00"):
        answer = client.get(url(form))
        assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert client.get(url("raw", rec="nix")).status_code == 404


@pytest.mark.parametrize(
    "rec", ['a"b', "../../etc/passwd", "x\r\nSet-Cookie: a=b", ".hidden", "日本", "a" * 300, " "]
)
def test_a_recordings_id_is_harmless_in_the_name_of_a_file(rec):
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,100}", exports.safe_name(rec))


def long_recording(store, count, size):
    template = messages(["x\r\n"], rec="long")[1]
    text = "y" * size
    for start in range(1, count + 1, 1000):
        ids = range(start, min(start + 1000, count + 1))
        lines = [
            (id, line_of(template | {"id": id, "pos": id, "timing": f">{size}", "out_txt": text})[:-1]) for id in ids
        ]
        facts = Facts("long", "web1", "alice", "xterm", 1, BEGAN, next_id=ids[-1] + 1, revision=start // 1000)
        store.add("test", None, [Addition(facts, lines)], [])


@pytest.fixture
def long_site(tmp_path):
    store = new_store(tmp_path)
    long_recording(store, 3000, 10_000)
    store.close()
    site = site_of(name_of(store), ledger=Ledger(tmp_path / "ledger.db", ""))
    yield site
    site.close()


def test_a_long_recording_takes_bounded_memory_and_holds_no_store_between_pieces(long_site):
    source = exports._Source(long_site, Viewer("x", ALL, frozenset()), "long")
    given_back = threading.Event()
    tracemalloc.start()
    total = largest = 0
    for piece in exports._pieces(
        exports.messages(source), lambda m: exports.raw.export(m, with_input=False), given_back.set
    ):
        total += len(piece)
        largest = max(largest, len(piece))
        assert len(long_site.stores._free) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 30_000_000
    assert largest < 2 * exports.PIECE + 10_000
    assert peak < 8_000_000
    assert given_back.is_set()


def test_downloads_at_once_are_bounded_and_places_come_back(long_site):
    client = client_of(long_site)
    taken = [exports._slots.acquire(blocking=False) for _ in range(exports.MOST)]
    assert all(taken)
    try:
        busy = client.get(url("raw", rec="long"))
        assert busy.status_code == 503
        assert "try again" in busy.json()["error"]
    finally:
        for _ in taken:
            exports._slots.release()
    for _ in range(exports.MOST + 1):
        with client.stream("GET", url("raw", rec="long")) as answer:
            assert answer.status_code == 200
    assert exports._slots._value == exports.MOST


def test_a_client_that_takes_nothing_any_more_is_given_up_and_its_place_comes_back(long_site, monkeypatch):
    monkeypatch.setattr(exports, "STALLED", 0.2)
    source = exports._Source(long_site, Viewer("x", ALL, frozenset()), "long")
    given_back = threading.Event()
    raw = partial(exports.raw.export, with_input=False)
    taken, pieces = [], [exports._pieces(exports.messages(source), raw, given_back.set)]

    async def take():
        async def send(message):
            taken.append(message)
            if len(taken) == 3:
                await anyio.sleep_forever()

        async def receive():
            await anyio.sleep_forever()

        scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
        await exports._Download(pieces.pop())(scope, receive, send)

    began = time.monotonic()
    with pytest.raises((TimeoutError, BaseExceptionGroup)):
        anyio.run(take)
    assert time.monotonic() - began < 10
    assert given_back.wait(5)
    assert not any(message.get("more_body") is False for message in taken)


def test_a_recording_that_is_deleted_meanwhile_does_not_end_as_if_it_were_whole(site):
    source = exports._Source(site, Viewer("x", ALL, frozenset()), "rec1")
    assert source.read()
    with site.stores.borrow() as store:
        store.delete(["rec1"])
    with pytest.raises(exports.ExportError, match="deleted meanwhile"):
        source.read()
