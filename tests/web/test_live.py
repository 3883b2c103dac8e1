"""A running session is watched while it runs: by everybody who may, at once, and until it ends."""

import json
import queue
import socket
import threading
import time

import pytest

from recorder.formats.message import Input, Output
from tests.recordings import ingested, name_of, new_store
from tests.sealing import line_of, messages
from tests.web.serving import Server

DELAY = 3
"""Seconds within which what is printed is to be seen; the way into the store is not part of it here."""


class Session:
    """A session that goes on: its messages go into the store one after the other."""

    def __init__(self, home, store, rec="live1"):
        self.path, self.store = home / f"{rec}.jsonl", store
        self.began = time.time()
        self.lines = messages([], rec=rec, began=self.began)
        self.last = self.lines.pop()
        self.write(self.lines)

    def write(self, lines):
        with self.path.open("ab") as file:
            file.write(b"".join(map(line_of, lines)))
        ingested(self.store, self.path)

    @property
    def now(self):
        return round((time.time() - self.began) * 1000)

    def print(self, *data, kind=Output):
        for each in data:
            made = messages([kind(self.now, each)], rec=self.path.stem, began=self.began)[1]
            made["id"] = self.lines[-1]["id"] + 1
            self.lines.append(made)
        self.write(self.lines[-len(data) :])

    def end(self):
        moment = self.now
        changed = {"id": self.lines[-1]["id"] + 1, "pos": moment, "time": round(self.began + moment / 1000, 3)}
        self.write([self.last | changed])


class Watcher:
    """Somebody who listens: what he is told comes into `news`."""

    def __init__(self, client, url):
        self.news = queue.Queue()
        self.answer = client.open(url, timeout=60)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        name = ""
        try:
            for line in self.answer:
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: "):
                    self.news.put((name, json.loads(line[6:]), time.monotonic()))
        except (OSError, ValueError):
            pass
        self.news.put(("closed", {}, time.monotonic()))

    def next(self, *names, patience=10):
        while True:
            name, said, at = self.news.get(timeout=patience)
            if name in names:
                return said, at

    def text(self, wanted, patience=10):
        """Wait until it was printed; when it came."""
        seen = ""
        while wanted not in seen:
            said, at = self.next("news", patience=patience)
            seen += "".join(data for _, code, data in said["events"] if code == "o")
        return at


@pytest.fixture
def running(tmp_path):
    """A session that runs, and the server of its store."""
    store = new_store(tmp_path)
    session = Session(tmp_path, store)
    session.print(b"before\r\n")
    server = Server(tmp_path, name_of(store))
    yield session, server
    server.close()
    store.close()


def watch(server, after=None, client=None, more=""):
    client = client or server.client()
    api = f"{server.base}/api/recordings/live1"
    if after is None:
        after = json.load(client.open(f"{api}/segments?t=0", timeout=30))["last"]
    return Watcher(client, f"{api}/live?after={after}{more}")


def test_what_is_printed_is_seen_at_once_until_the_session_ends(running):
    session, server = running
    client = server.client()
    first = json.load(client.open(f"{server.base}/api/recordings/live1/segments?t=0", timeout=30))
    assert first["live"]
    watchers = [watch(server, first["last"], client) for _ in range(5)]
    printed = time.monotonic()
    session.print("now ü\r\n".encode())
    for watcher in watchers:
        assert watcher.text("now ü") - printed < DELAY
    session.print(b"later\r\n")
    for watcher in watchers:
        watcher.text("later")
    session.end()
    for watcher in watchers:
        said, _ = watcher.next("ended")
        assert said["state"] == "ended"
        watcher.next("closed")


def test_who_comes_later_goes_on_from_where_he_was(running):
    session, server = running
    client = server.client()
    first = watch(server, client=client)
    session.print(b"one\r\n")
    said, _ = first.next("news")
    session.print(b"two\r\n")
    first.text("two")
    later = watch(server, said["after"], client)
    got, _ = later.next("news")
    assert got["after"] == said["after"]
    later.text("two") if got["last"] == said["last"] else None
    # Of what is too long ago he is told to fetch it.
    watch(server, 0, client).next("behind")


def test_what_is_typed_is_heard_on_demand_only(running):
    session, server = running
    client = server.client()
    plain, typed = watch(server, client=client), watch(server, client=client, more="&input=1")
    session.print(b"secret", kind=Input)
    session.print(b"x\r\n")
    seen = []
    while not any("secret" in str(event) for event in seen):
        said, _ = typed.next("news")
        seen += said["events"]
    plain_seen = []
    while not any("x" in str(event) for event in plain_seen):
        said, _ = plain.next("news")
        plain_seen += said["events"]
    assert "secret" not in str(plain_seen)


def test_who_does_not_take_what_he_is_told_is_cut_off_and_costs_little(running):
    session, server = running
    client = server.client()
    cookie = next(iter(_jar(client)))
    host, port = server.base.removeprefix("http://").split(":")
    stuck = socket.create_connection((host, int(port)))
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    stuck.sendall(
        f"GET /api/recordings/live1/live?after=2 HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Cookie: {cookie.name}={cookie.value}\r\n\r\n".encode()
    )
    stuck.recv(10)
    quick = watch(server, client=client)
    before = server.memory()
    session.print(*(b"%d " % number + b"y" * 60_000 for number in range(200)), b"the end\r\n")
    quick.text("the end", patience=30)
    assert server.memory() - before < 80
    # What had come for him already is all he gets.
    stuck.settimeout(20)
    while stuck.recv(1 << 20):
        pass
    stuck.close()


def _jar(client):
    return next(handler.cookiejar for handler in client.handlers if hasattr(handler, "cookiejar"))


def test_a_deleted_session_is_over(running):
    session, server = running
    watcher = watch(server)
    session.store.delete(["live1"])
    assert watcher.next("ended")[0]["state"] == "deleted"
