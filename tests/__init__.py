"""Fast tests against real parts."""
