"""Reading side: ingest, screen text, search, playback, verification, export."""
