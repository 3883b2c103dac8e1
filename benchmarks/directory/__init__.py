"""How fast a directory with many policies answers: `python -m benchmarks.directory.run`."""
