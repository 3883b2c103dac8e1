"""Logins of a host: who asks, what is decided, and the process that records."""
