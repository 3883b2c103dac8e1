"""Clients that send nothing, or one byte now and then, or do not read what they asked for: they are cut off, and
nobody else waits for them."""

import asyncio
import socket
import threading
import time
import urllib.request

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from auditor.web import connection as connections
from auditor.web.connection import Connection

MANY = 300
PIECE = "x" * 65_536
sent = []


def endless(request):
    async def pieces():
        while True:
            sent.append(len(PIECE))
            yield PIECE
            await asyncio.sleep(0)  # as whatever reads a store does

    return StreamingResponse(pieces())


@pytest.fixture
def port(monkeypatch):
    """A server with our connections, less patient than usual."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(connections, "STALLED_SECONDS", 1.0)
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("here")), Route("/endless", endless)])
    config = uvicorn.Config(app, http=Connection, ws="none", lifespan="off", log_config=None, timeout_keep_alive=2)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = server.force_exit = True
    thread.join(20)
    listener.close()


@pytest.fixture
def connect(port):
    """Opens connections; they are closed in the end."""
    opened = []

    def open_one(data=b""):
        opened.append(socket.create_connection(("127.0.0.1", port), timeout=20))
        opened[-1].sendall(data)
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def is_cut_off(connection):
    connection.setblocking(False)
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def test_requests_that_are_never_completed_are_cut_off_and_hold_up_nobody(port, connect):
    head = b"GET / HTTP/1.1\r\nHost: a\r\n"
    slow = [connect(part) for _ in range(MANY) for part in (b"", head + b"X-Slow: ")]
    # Answered before, the next request is not completed; and a body that never comes.
    slow.append(connect(head + b"\r\n" + head))
    slow.append(connect(head + b"Content-Length: 50\r\n\r\nabc"))
    end = time.monotonic() + 15
    left = slow
    while left and time.monotonic() < end:
        asked = time.monotonic()
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read() == b"here"
        assert time.monotonic() - asked < 8
        for number, each in enumerate(left):
            if number % 2:
                try:
                    each.sendall(b"a")
                except OSError:
                    pass
        left = [each for each in left if not is_cut_off(each)]
        time.sleep(0.2)
    assert len(left) == 0


def test_what_is_not_read_is_not_made_and_not_kept_for_ever(connect):
    sent.clear()
    connection = connect(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(0.5)
    made = sum(sent)
    assert made < 20_000_000  # what the kernel takes, and our own buffer
    time.sleep(2)
    assert sum(sent) - made <= 2 * len(PIECE)
    got = all_of(connection)
    assert len(got) < 20_000_000
    assert not got.endswith(b"0\r\n\r\n"), "it ended as if that were all"


def all_of(connection):
    """What there is to be read until the other side has closed it."""
    got = b""
    try:
        while data := connection.recv(1 << 20):
            got += data
    except ConnectionError:
        pass
    return got


def test_who_reads_slowly_but_reads_is_served(connect):
    connection = connect(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    for _ in range(25):
        for _ in range(4):
            assert connection.recv(65_536)
        time.sleep(0.1)
