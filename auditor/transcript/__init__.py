"""What of a recording can be searched: lines as they were seen, what was typed, commands as they were run."""

from auditor.transcript.transcript import STRING_TIMEOUT, Kind, Seen, Transcript

__all__ = ["STRING_TIMEOUT", "Kind", "Seen", "Transcript"]
