"""The verbs of `sessrec` for those who look at recordings, one module each."""
