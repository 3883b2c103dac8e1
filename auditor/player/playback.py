"""Where playback stands: the position, its speed, and how both move with the clock. No terminal, no waiting."""

from auditor.player.moment import END
from auditor.player.timeline import Timeline

FASTEST = 16.0
SLOWEST = 1 / 16
"""The range of speeds that keys reach: tlog-play's."""

IDLE_LIMIT = 2000
"""Milliseconds: how much of a longer gap is played while idle time is skipped, unless told otherwise."""


class Playback:
    """The state of playing a timeline.

    `position` is in milliseconds of the recording; `shown` says how many of the timeline's packets are on the
    screen. Times handed in are seconds of any clock that only goes forward. `speed` 0 shows everything at once.
    `idle_limit` None plays pauses in full length.
    """

    def __init__(
        self,
        timeline: Timeline,
        *,
        speed: float = 1.0,
        paused: bool = False,
        follow: bool = False,
        idle_limit: int | None = None,
        goto: float | None = None,
        now: float = 0.0,
    ) -> None:
        self.timeline = timeline
        self.position = 0.0
        self.shown = 0
        self.speed = speed
        self.paused = paused
        self.follow = follow
        self.idle_limit = idle_limit
        self._now = now
        self._goto: float | None = goto
        self._inclusive = False
        self._at_edge = False

    @property
    def at_end(self) -> bool:
        """Everything that there is at the moment has been shown."""
        return self.timeline.complete and self._goto is None and self.shown == len(self.timeline)

    @property
    def finished(self) -> bool:
        """Nothing is left to wait for: playback ends by itself."""
        return self.at_end and not self.paused and (self.timeline.ended or not self.follow)

    @property
    def live(self) -> bool:
        """Following a running recording, with all of it on the screen."""
        return self.at_end and self.follow and not self.timeline.ended

    @property
    def seeking(self) -> bool:
        """On the way to a moment that has not been read yet."""
        return self._goto is not None

    def tick(self, now: float) -> None:
        """Move on to `now`."""
        elapsed = max(0.0, now - self._now) * 1000
        self._now = now
        if self._goto is not None:
            self._move()
        elif not self.paused:
            self._advance(elapsed * self.speed if self.speed else END)
        self._at_edge = self.live

    def wake(self) -> float | None:
        """Seconds from the last tick until something more is to be shown; None: not by time alone."""
        if self.paused or self._goto is not None or self.shown == len(self.timeline):
            return None
        wait = self._wait(self.timeline.at(self.shown))
        return wait / 1000 / self.speed if self.speed else 0.0

    def seek(self, at: float, *, inclusive: bool = False) -> None:
        """Go to a moment, forward or back; END goes behind everything.

        What happened in that very millisecond is shown only if `inclusive`. What is not read yet is reached by
        later ticks.
        """
        self._goto = max(0.0, at)
        self._inclusive = inclusive
        self._move()

    def skip(self, seconds: float) -> None:
        """Go forward, or with a negative number back, from where playback stands; not behind the last packet."""
        at = max(0.0, self.position + seconds * 1000)
        if self.timeline.complete and at >= self.timeline.length:
            at = END
        self.seek(at, inclusive=True)

    def step(self) -> None:
        """Show the next output at once, paused or not."""
        index = self.timeline.next_output(self.shown)
        if index is not None:
            self._goto = None
            self.shown = index + 1
            self.position = float(self.timeline.at(index))

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        self.paused = not self.paused

    def change_speed(self, factor: float) -> None:
        """Play faster or slower by a factor, within SLOWEST and FASTEST."""
        speed = self.speed * factor
        if SLOWEST <= speed <= FASTEST:
            self.speed = speed

    def resume_clock(self, now: float) -> None:
        """The time since the last tick did not count: the player was stopped."""
        self._now = now

    def _move(self) -> None:
        assert self._goto is not None
        timeline = self.timeline
        self.shown = timeline.until(self._goto) if self._inclusive else timeline.before(self._goto)
        reached = timeline.length > self._goto or timeline.complete
        if not reached:
            self.position = float(timeline.length)
            return
        self.position = min(self._goto, float(timeline.length))
        self._goto = None

    def _advance(self, budget: float) -> None:
        timeline = self.timeline
        if self._at_edge and self.shown < len(timeline):
            # What comes in while everything was on the screen is shown as it comes, however long the pause was.
            self.position = max(self.position, float(timeline.at(self.shown)))
        while self.shown < len(timeline):
            upcoming = timeline.at(self.shown)
            wait = self._wait(upcoming)
            if wait > budget:
                self.position += budget
                return
            budget -= wait
            target = float(upcoming)
            if self.idle_limit is None:
                # No gap is shortened, so everything within the budget is due in one go.
                target = min(max(target, target + budget), float(timeline.length))
                budget = 0.0
            self.position = max(self.position, target)
            self.shown = timeline.until(self.position)
        if timeline.complete:
            self.position = min(self.position + budget, float(timeline.length))

    def _wait(self, upcoming: int) -> float:
        """Milliseconds of the recording to play until a packet."""
        wait = max(0.0, upcoming - self.position)
        if self.idle_limit is not None:
            last = self.timeline.at(self.shown - 1) if self.shown else 0
            wait = min(wait, max(0.0, last + self.idle_limit - self.position))
        return wait
