"""What the CSMS says no with, each with what to do next."""


class CsmsError(Exception):
    """Base.  *advice* names the next step in plain words; empty when there is none."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


class BadInput(CsmsError):  # noqa: N818
    """What was asked for cannot be."""


class NotNow(BadInput):
    """Our own side is not ready for it; later it can be."""


class Busy(NotNow):
    """Something else is being done to the station; later it can be."""


class NotConnected(CsmsError):  # noqa: N818
    """The station is not connected, or not yet accepted, so it cannot be called."""


class CsmsNotReady(CsmsError):  # noqa: N818
    """Doors are not open (yet, or any more)."""
