"""GetLog for the security log (N01): what is uploaded, and how the upload goes.

The log is what A04.FR.04 keeps, one event a line.  There is no diagnostics log here.
"""

import ssl
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from ocppsec.ocppj.messages import Response, StatusInfo
from ocppsec.ocppj.times import from_wire
from ocppsec.station.remembered import Remembered, SecurityEvent
from ocppsec.station.reply import Reply, SendLog, Situation

UPLOAD_SECONDS = 30.0


class LogStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class GetLogResponse(Response, frozen=True, kw_only=True):
    status: LogStatus
    filename: str | None = None
    status_info: StatusInfo | None = None


class Upload(StrEnum):
    """UploadLogStatus, as far as we come."""

    UPLOADING = "Uploading"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    BAD_MESSAGE = "BadMessage"
    PERMISSION_DENIED = "PermissionDenied"
    NOT_SUPPORTED_OPERATION = "NotSupportedOperation"


def get_log(request: dict[str, Any], kept: Remembered, situation: Situation) -> Reply:
    """N01.FR.01, 02: Accepted with a file name, or Rejected where there is nothing to send."""
    if request["logType"] != "SecurityLog":
        return _rejected(kept, "UnsupportedRequest", "there is no diagnostics log")
    try:
        events = _between(kept.log, request["log"])
    except ValueError:
        return _rejected(kept, "InvalidValue", "a timestamp is none")
    if not events:
        return _rejected(kept, "NotFound", "nothing in the log for that time")
    name = f"security-log-{situation.now:%Y%m%dT%H%M%SZ}.txt"
    upload = SendLog(
        request_id=int(request["requestId"]),
        url=request["log"]["remoteLocation"],
        name=name,
        text="".join(f"{_line(event)}\n" for event in events),
        retries=max(0, int(request.get("retries", 0))),
        retry_interval=max(0, int(request.get("retryInterval", 10))),
    )
    return Reply(
        answer=GetLogResponse(status=LogStatus.ACCEPTED, filename=name), kept=kept, effects=(upload,)
    )


def _rejected(kept: Remembered, reason_code: str, text: str) -> Reply:
    status_info = StatusInfo(reason_code=reason_code, additional_info=text)
    return Reply(answer=GetLogResponse(status=LogStatus.REJECTED, status_info=status_info), kept=kept)


def _between(log: tuple[SecurityEvent, ...], wanted: dict[str, Any]) -> tuple[SecurityEvent, ...]:
    oldest, latest = _moment(wanted.get("oldestTimestamp")), _moment(wanted.get("latestTimestamp"))
    return tuple(
        event
        for event in log
        if (oldest is None or from_wire(event.timestamp) >= oldest)
        and (latest is None or from_wire(event.timestamp) <= latest)
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_wire(text)


def _line(event: SecurityEvent) -> str:
    """Nothing a CSMS wrote into a techInfo begins a line of its own."""
    words = f"{event.timestamp} {event.type} {event.tech_info}".rstrip()
    return "".join(character if character.isprintable() else " " for character in words)


async def upload(log: SendLog, trust: ssl.SSLContext) -> Upload:
    """PUT the file to its place (N01.FR.14); the location may hold a password and is told to nobody."""
    import httpx2  # late: most stations are never asked for their log

    url = urlsplit(log.url)
    if url.scheme not in ("http", "https"):
        return Upload.NOT_SUPPORTED_OPERATION
    try:
        async with httpx2.AsyncClient(verify=trust, timeout=UPLOAD_SECONDS, trust_env=False) as client:
            location = log.url if not url.path.endswith("/") else f"{log.url}{log.name}"
            response = await client.put(location, content=log.text.encode())
    except httpx2.InvalidURL:
        return Upload.BAD_MESSAGE
    except (httpx2.HTTPError, OSError):
        return Upload.UPLOAD_FAILURE
    if response.is_success:
        return Upload.UPLOADED
    return Upload.PERMISSION_DENIED if response.status_code in (401, 403) else Upload.UPLOAD_FAILURE
