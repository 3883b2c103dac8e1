"""Playing to something else than a terminal: the exact bytes that the session printed, at its pace."""

import os
import time

from auditor.player.loader import Loader
from auditor.player.playback import Playback

_POLL = 0.1
"""Seconds between two looks for more of a running recording."""

_PIECE = 1024 * 1024
"""Bytes written at a time."""


def write_output(loader: Loader, playback: Playback, output: int) -> None:
    """Write the output to the file descriptor `output` until the recording ends: not one byte more or less.

    Raises PlayError behind what could be read of a damaged recording, and OSError.
    """
    timeline = loader.timeline
    written = 0
    while True:
        more = False if timeline.ended else loader.load()
        playback.tick(time.monotonic())
        while written < playback.shown:
            end = timeline.run(written, playback.shown, _PIECE, 2**62)
            _write(output, timeline.output(written, end))
            written = end
        if playback.finished:
            before = len(timeline)
            loader.finish()
            if len(timeline) == before:
                break
        elif not more:
            wake = playback.wake()
            time.sleep(_POLL if wake is None else min(wake, _POLL))
    if loader.error is not None:
        raise loader.error


def _write(output: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(output, left) :]
