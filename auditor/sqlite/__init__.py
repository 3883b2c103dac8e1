"""The store in one SQLite file: messages, an index of lines and of words, what was refused."""
