"""The verbs of `sessrec` that run on a recorded host, one module each."""
