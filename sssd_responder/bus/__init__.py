"""The system bus."""
