"""So many of something, as one says it."""


def counted(number: int, what: str) -> str:
    """no station, 1 station, 2 stations."""
    return f"{number or 'no'} {what}{'' if number in (0, 1) else 's'}"


def are(number: int, what: str) -> str:
    """no station is, 1 station is, 2 stations are."""
    return f"{counted(number, what)} {'is' if number in (0, 1) else 'are'}"
