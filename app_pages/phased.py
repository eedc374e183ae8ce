"""To come."""


def phased() -> None:
    raise ValueError("to come")
