"""Rules: what to watch for in sessions, how it is checked, and what follows when it is seen."""
