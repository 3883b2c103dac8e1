"""Running sessions, as they go on: one reader for all who watch the same one.

The reader looks into the store for new messages, and hands what it finds to everybody who watches: the same bytes.
Who does not take them in time is cut off, and may come again; whoever comes with a message that is not long ago goes
on from there.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from auditor.exports.messages import json_line
from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Facts, StoreError
from auditor.web.stores import StorePool
from auditor.web.watching.reel import Reel
from auditor.web.watching.walker import Piece, Walker

INTERVAL = 0.5
"""Seconds between two looks into the store."""

BEAT = 5.0
"""Seconds without news after which viewers are told that the session still runs."""

UNWATCHED = 30.0
"""Seconds without a viewer after which the reader ends."""

KEPT = 2 * 1024 * 1024
"""Bytes of what was told last, for those who come a little later."""

WAITING = 32
"""Pieces of news that wait for a viewer who does not take them; then he is cut off."""

MOST_AT_ONCE = 128 * 1024
"""Bytes of messages in one piece of news."""

News = asyncio.Queue[bytes | None]
"""What a viewer is told, as server-sent events; None: it is over."""


class _Told(NamedTuple):
    """What the messages behind `after` up to `last` have brought; `typed`: the same with what was typed."""

    after: int
    last: int
    data: bytes
    typed: bytes


class _Watcher(NamedTuple):
    loop: asyncio.AbstractEventLoop
    typed: bool


class Broadcast:
    """One live recording. The reader ends when nobody is left or the session is over; then it is `over`."""

    def __init__(self, reel: Reel, facts: Facts, stores: StorePool, closing: threading.Event) -> None:
        self.over = False
        self._rec = facts.rec
        self._stores = stores
        self._closing = closing
        self._lock = threading.Lock()
        self._told: deque[_Told] = deque()
        self._kept = 0
        self._watchers: dict[News, _Watcher] = {}
        self._beaten = time.monotonic()
        with stores.borrow() as store:
            self._walker = Walker(reel.screen_at(store, facts, facts.length))
        threading.Thread(target=self._read, name="live", daemon=True).start()

    def follow(self, after: int, loop: asyncio.AbstractEventLoop, *, typed: bool) -> News | None:
        """What comes behind a message, for a viewer of this event loop; None where that is too long ago."""
        news: News = asyncio.Queue(WAITING)
        with self._lock:
            first = self._told[0].after if self._told else self._walker.last
            if self.over or after < first:
                return None
            missed = [told.typed if typed else told.data for told in self._told if told.last > after]
            if missed:
                news.put_nowait(b"".join(missed))
            self._watchers[news] = _Watcher(loop, typed)
        return news

    def leave(self, news: News) -> None:
        """A viewer has gone."""
        with self._lock:
            self._watchers.pop(news, None)

    def _read(self) -> None:
        alone = 0.0
        try:
            while not self._closing.wait(INTERVAL) and alone < UNWATCHED and self._look():
                alone = 0.0 if self._watchers else alone + INTERVAL
        finally:
            with self._lock:
                self.over = True
                watchers, self._watchers = self._watchers, {}
            for news, watcher in watchers.items():
                _call(watcher.loop, _end, news)

    def _look(self) -> bool:
        """Tell what is new; False when the session is over."""
        try:
            with self._stores.borrow() as store:
                facts = store.facts(self._rec)
                if facts is not None and facts.next_id - 1 > self._walker.last:
                    for batch in store.lines(self._rec, self._walker.last):
                        self._take(batch, facts.length)
        except StoreError:
            return True  # it may be back in a moment
        state = "deleted" if facts is None else str(recording_state(facts))
        if state != State.LIVE:
            self._send_all(_event("ended", {"state": state}))
            return False
        if time.monotonic() - self._beaten > BEAT:
            self._send_all(_event("beat", {"state": state}))
        return True

    def _take(self, batch: list[bytes], length: int) -> None:
        walker = self._walker
        after, size = walker.last, 0
        pieces: list[Piece] = []
        for number, line in enumerate(batch, 1):
            pieces += walker.take(line)
            size += len(line)
            if size > MOST_AT_ONCE or number == len(batch):
                about = {"after": after, "last": walker.last, "length": max(length, walker.at) / 1000}
                shown = _news(about, [piece for piece in pieces if piece.code != "i"])
                typed = _news(about, pieces) if any(piece.code == "i" for piece in pieces) else shown
                self._tell(_Told(after, walker.last, shown, typed))
                after, size, pieces = walker.last, 0, []

    def _tell(self, told: _Told) -> None:
        with self._lock:
            self._told.append(told)
            self._kept += len(told.data)
            while self._kept > KEPT and len(self._told) > 1:
                self._kept -= len(self._told.popleft().data)
            watchers = list(self._watchers.items())
            self._beaten = time.monotonic()
        for news, watcher in watchers:
            _call(watcher.loop, self._offer, news, told.typed if watcher.typed else told.data)

    def _send_all(self, data: bytes) -> None:
        with self._lock:
            watchers = list(self._watchers.items())
            self._beaten = time.monotonic()
        for news, watcher in watchers:
            _call(watcher.loop, self._offer, news, data)

    def _offer(self, news: News, data: bytes) -> None:
        if news.full():
            self.leave(news)
            _end(news)
        else:
            news.put_nowait(data)


class Broadcasts:
    """Those that run, by recording."""

    def __init__(self, stores: StorePool, closing: threading.Event) -> None:
        self._stores = stores
        self._closing = closing
        self._running: dict[str, Broadcast] = {}
        self._lock = threading.Lock()

    def of(self, reel: Reel, facts: Facts) -> Broadcast:
        """Of a recording that the viewer may see and that runs."""
        with self._lock:
            self._running = {rec: each for rec, each in self._running.items() if not each.over}
            found = self._running.get(facts.rec)
            if found is None:
                found = self._running[facts.rec] = Broadcast(reel, facts, self._stores, self._closing)
        return found


def _end(news: News) -> None:
    """Say that it is over, also where there is no room left for it."""
    if news.full():
        news.get_nowait()
    news.put_nowait(None)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        pass  # the server has ended meanwhile


def _news(about: dict[str, Any], pieces: list[Piece]) -> bytes:
    return _event("news", about | {"events": [[piece.at / 1000, piece.code, piece.data] for piece in pieces]})


def _event(name: str, value: object) -> bytes:
    """https://html.spec.whatwg.org/multipage/server-sent-events.html; JSON has no newline inside."""
    return b"event: %s\ndata: %s\n" % (name.encode(), json_line(value))
