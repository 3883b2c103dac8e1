"""What a demonstration says when something is not as it should be."""


class DemoFailed(Exception):
    """One line for the person who watches."""


def expect(true: object, otherwise: str) -> None:
    """Raise DemoFailed with the line `otherwise` unless the first argument is true."""
    if not true:
        raise DemoFailed(otherwise)
