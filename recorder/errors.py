"""The base of every error that is meant for the person at the terminal."""


class SessrecError(Exception):
    """Something the caller can act on.

    The message is one line and says what to do; `sessrec` prints it to standard error and exits with
    `exit_status`, without a traceback. Each boundary (format, store, sink, key, ...) derives one class.
    """

    exit_status = 1
