"""Times as listings show them."""

from datetime import datetime


def moment(at: int) -> str:
    """Milliseconds into a recording as h:mm:ss.mmm, which `sessrec play --goto` takes."""
    seconds, milliseconds = divmod(at, 1000)
    return f"{length(seconds)}.{milliseconds:03}"


def length(seconds: int) -> str:
    """A duration as h:mm:ss."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def clock(time: float) -> str:
    """Seconds since 1970 as local date and time; as the number where no calendar has it."""
    moment = _local(time)
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else f"@{time:.0f}"


def iso(time: float) -> str | None:
    """Seconds since 1970 as ISO 8601 with milliseconds and time zone, for programs."""
    moment = _local(time)
    return moment.isoformat(timespec="milliseconds") if moment else None


def _local(time: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(time).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
