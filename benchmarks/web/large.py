"""A session that is very large, or in which very much happened: how soon its page has what it asks for, and what the
server's memory is then."""

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

ENOUGH = 200_000_000
"""Bytes of an export that are read; the rest comes at the same pace."""


def large(server: Any, client: urllib.request.OpenerDirector, rec: str, title: str) -> Iterator[list[str]]:
    """Rows for people. Everything is asked for while the server goes through the session in the background."""
    base = f"{server.base}/api/recordings/{rec}"

    def timed(path: str) -> float:
        began = time.perf_counter()
        client.open(base + path, timeout=300).read()
        return (time.perf_counter() - began) * 1000

    length = json.load(client.open(base, timeout=60))["length_ms"] / 1000
    before = server.memory()
    yield [f"{title}: its beginning", f"{timed('/segments?t=0'):.0f} ms"]
    for name, part in (("middle", 0.5), ("end", 1.0), ("middle again", 0.5001)):
        yield [f"its {name}", f"{timed(f'/segments?t={length * part:.3f}'):.0f} ms"]
    yield ["the screen at a moment, for the preview", f"{timed(f'/preview?t={length * 0.3:.3f}'):.0f} ms"]
    yield ["its events around the middle", f"{timed(f'/events?t={length / 2:.3f}&limit=100'):.0f} ms"]
    yield ["its tree of processes", f"{timed('/tree'):.0f} ms"]
    yield ["memory of the server, before and up to here", f"{before:.0f} and {peak(server):.0f} MB"]
    began, waited = time.perf_counter(), False
    while not json.load(client.open(f"{base}/timeline?buckets=500", timeout=300))["complete"]:
        waited = True
        if time.perf_counter() - began > 1800:
            break
        time.sleep(1)
    took = time.perf_counter() - began
    yield ["until its bar and idle stretches are complete", f"{took:.0f} s" if waited else "at once"]
    yield ["its middle then", f"{timed(f'/segments?t={length * 0.4321:.3f}'):.0f} ms"]
    for form in ("asciicast", "text"):
        yield [f"export as {form}", exported(client, f"{base}/export?format={form}")]
    yield ["and at most", f"{peak(server):.0f} MB"]


def exported(client: urllib.request.OpenerDirector, address: str) -> str:
    """How much comes in which time."""
    began, size = time.perf_counter(), 0
    answer = client.open(address, timeout=300)
    while size < ENOUGH and (data := answer.read(1 << 20)):
        size += len(data)
    answer.close()
    return f"{size / 1e6:.0f} MB in {time.perf_counter() - began:.1f} s"


def peak(server: Any) -> float:
    """MB that the process has had of its own at most."""
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(status.read().partition("VmHWM:")[2].split()[0]) / 1024
