"""Live sessions, in FreeIPA and on this host."""
