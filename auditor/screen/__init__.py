"""The screen of a recorded terminal, reconstructed from what the session printed."""

from auditor.screen.screen import Mark, Screen

__all__ = ["Mark", "Screen"]
