"""Recordings as the page plays them: from any moment, in segments, and while they go on."""
