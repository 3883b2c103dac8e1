"""One session: its terminal, what is copied, and the log that is made of it."""
