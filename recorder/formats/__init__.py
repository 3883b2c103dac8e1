"""The messages of a recording: how they are written, read, and chained."""
