"""Log lines: coloured words on a terminal, one JSON object a line elsewhere, always on standard error.

Lines of libraries (uvicorn, SQLAlchemy, asyncio) pass through the same renderer.  A last processor blanks the
values of keys that name a secret, should one ever get that far; tracebacks never show local variables.
"""

import logging
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.typing import Processor, WrappedLogger

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_encoder = msgspec.json.Encoder(enc_hook=repr)

SECRET_WORDS = ("password", "authorization", "passphrase", "private_key", "token", "secret", "pepper")


def blank_secrets(
    _logger: WrappedLogger, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The last net: the value of a key that names a secret is never written."""
    for key in line:
        if any(word in key.lower() for word in SECRET_WORDS):
            line[key] = "(not shown)"
    return line


def tame_text(
    _logger: WrappedLogger, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Stations choose some of these words: no control character of theirs reaches a terminal."""
    for key, value in line.items():
        if isinstance(value, str) and not value.isprintable():
            line[key] = "".join(
                each if each.isprintable() or (each == "\n" and key == "exception") else repr(each)[1:-1]
                for each in value
            )
    return line


def configure_logging(
    stream: TextIO, *, form: LogFormat = "auto", level: LogLevel = "info"
) -> structlog.typing.FilteringBoundLogger:
    """Send our lines and those of the standard library to *stream*; gives the logger for events."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    console = form == "console" or (form == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.stdlib.add_log_level if console else structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        blank_secrets,
        *((tame_text,) if console else ()),
    ]
    last = _renderer(stream, console=console)
    _send_library_lines(stream, shared, last)
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    # Bound once: the lazy logger would assemble itself anew for every line.
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind()
    return logger


def _renderer(stream: TextIO, *, console: bool) -> Processor:
    if console:
        return structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(serializer=_to_json)


def _to_json(line: Any, **_: Any) -> str:
    return _encoder.encode(line).decode()


def _send_library_lines(stream: TextIO, shared: list[Processor], last: Processor) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries speak up when something is wrong; what goes well is told by our own events.
    root.setLevel(logging.WARNING)
