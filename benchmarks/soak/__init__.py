"""A fleet for half an hour, with faults: `python -m benchmarks.soak.run`, see benchmarks/README.md."""
