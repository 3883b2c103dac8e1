"""Log servers under load, and away for a while."""
