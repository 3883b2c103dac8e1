"""Tests against a real FreeIPA server and an enrolled client: see README.md."""
