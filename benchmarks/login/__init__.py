"""A login that is recorded beside tlog-rec-session and a bare shell."""
