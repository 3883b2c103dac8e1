"""Capture on the recorded host: PTY, message format, sealing, sinks."""
