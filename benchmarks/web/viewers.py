"""Many who watch one live session: as many connections that read what the page of each would."""

import asyncio
import json
import re
import time
from typing import NamedTuple

STAMP = re.compile(r"at=(\d+\.\d+)")


class Watched(NamedTuple):
    """Seconds from being printed to being read, of each viewer for each stamp; and how many viewers were cut off."""

    delays: list[list[float]]
    cut: int


async def watch(port: int, cookie: str, rec: str, viewers: int, seconds: float) -> Watched:
    """Let so many watch for so long. What is printed carries the time as at=SECONDS."""
    after = await _last_message(port, cookie, rec)
    until = time.monotonic() + seconds
    found = await asyncio.gather(*(_viewer(port, cookie, rec, after, until) for _ in range(viewers)))
    return Watched([delays for delays, _ in found], sum(cut for _, cut in found))


async def _last_message(port: int, cookie: str, rec: str) -> int:
    reader, writer = await _asked(port, cookie, f"/api/recordings/{rec}/segments?t=1000000")
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    return int(json.loads(body)["last"])


async def _viewer(port: int, cookie: str, rec: str, after: int, until: float) -> tuple[list[float], bool]:
    reader, writer = await _asked(port, cookie, f"/api/recordings/{rec}/live?after={after}")
    delays: list[float] = []
    try:
        async with asyncio.timeout(max(0.0, until - time.monotonic())):
            while line := await reader.readline():
                stamps = STAMP.findall(line.decode(errors="replace")) if line.startswith(b"data:") else ()
                delays += [time.time() - float(stamp) for stamp in stamps]
    except TimeoutError:
        return delays, False
    finally:
        writer.close()
    return delays, True


async def _asked(port: int, cookie: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    return reader, writer
