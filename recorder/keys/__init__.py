"""Hosts' keys: made, trusted, found in FreeIPA."""
