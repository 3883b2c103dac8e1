"""A recording in other formats: one module each, with `export(messages, ...)` giving the bytes piece by piece."""
