"""The status line: where playback stands, in one line of the auditor's terminal."""

from auditor.output.printable import printable
from auditor.player.controls import Controls
from auditor.player.moment import clock


def status_line(controls: Controls, remarks: list[str], columns: int) -> str:
    """At most `columns` characters, the most important first, not yet made safe to print.

    Time and length (with + while not all is read), speed, state, then what is typed or told, then `remarks`.
    """
    playback = controls.playback
    timeline = playback.timeline
    if controls.prompt is not None:
        # The end of a long search is what is being typed.
        return f"/{printable(controls.prompt)}"[-max(columns - 1, 1) :]
    length = clock(timeline.length) + ("" if timeline.complete else "+")
    parts = [f"{clock(playback.position)}/{length}", _speed(playback.speed), _state(controls)]
    if playback.idle_limit is not None:
        parts.append("idle skipped")
    if controls.typed.text:
        parts.append(f"go to {controls.typed.text}")
    if controls.notice:
        parts.append(controls.notice)
    parts += remarks
    return "  ".join(parts)[:columns]


def _speed(speed: float) -> str:
    if speed == 0:
        return "unlimited"
    return f"1/{1 / speed:g}x" if 0 < speed < 1 and (1 / speed).is_integer() else f"{speed:.3g}x"


def _state(controls: Controls) -> str:
    playback = controls.playback
    if controls.pending:
        return f"searching {controls.index.progress:.0%}"
    if playback.seeking:
        return "seeking"
    if playback.paused:
        return "paused at the end" if playback.at_end else "paused"
    if playback.live:
        return "live, waiting"
    return "following" if playback.follow else "playing"
