"""Why a CALL has no result, and why a connection did not come about."""

from typing import Any


class CallFailed(Exception):  # noqa: N818  read as a sentence where it is caught
    """Base: a CALL of ours has no CALLRESULT."""


class CallRefused(CallFailed):
    """The peer answered CALLERROR, or with a CALLRESULT that its schema forbids (*by_us*)."""

    def __init__(self, code: str, description: str, details: dict[str, Any], *, by_us: bool = False) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description
        self.details = details
        self.by_us = by_us


class CallTimedOut(CallFailed):
    """No answer within the time given; counted from when the CALL left."""

    def __init__(self, action: str, timeout: float) -> None:
        super().__init__(f"no answer to {action} within {timeout:g} s")
        self.action = action


class LinkClosed(CallFailed):
    """The connection ended before the answer came."""


class ConnectFailed(Exception):  # noqa: N818
    """No WebSocket came about.  *stage* is ``tcp``, ``tls`` or ``http``."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason


class ConnectRefused(ConnectFailed):
    """The server gave an HTTP answer other than 101."""

    def __init__(self, status: int, headers: dict[str, str], body: str) -> None:
        super().__init__("http", f"{status} {body}".strip())
        self.status = status
        self.headers = headers
        self.body = body
