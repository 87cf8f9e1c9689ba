"""Receives every event and decides what becomes of it."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

from structlog.typing import FilteringBoundLogger

from ocppsec import events
from ocppsec.events import Event
from ocppsec.observability.metrics import Metrics
from ocppsec.observability.restraint import Restraint
from ocppsec.observability.security_log import SecurityLog

WORTH_A_LOOK = (
    events.HandshakeFailed,
    events.ConnectionRefused,
    events.SerialNumberMismatch,
    events.LoginsSlowed,
    events.CertificateRequestRefused,
    events.CertificateRequestWaits,
    events.CertificateEndsSoon,
    events.ForeignListFailed,
    events.ForeignStatusUnclear,
    events.RenewalStuck,
    events.RolloverStuck,
    events.OnboardingStuck,
    events.OnboardingDisputed,
    events.ExpiredCertificateAllowed,
    events.AuthorityCannotSign,
    events.AuthorityEndsSoon,
    events.IssuerInDoubt,
    events.CertificateUnaccounted,
    events.RevocationNotTold,
    events.PublicCertificateFailed,
    events.ServerCertificatesRefused,
    events.StationLostContact,
    events.StoreUnavailable,
)
"""Logged as warnings; the others tell what goes its way."""

BY_STRANGERS = (
    events.HandshakeFailed,
    events.ConnectionRefused,
    events.LoginsSlowed,
    events.OnboardingDisputed,
)
"""What anybody can cause, without a password, as often as he likes."""


def _cause_of(event: Event) -> str | None:
    """Who could fill the log with such events; None for those that nobody causes at will."""
    if isinstance(event, BY_STRANGERS):
        return event.address
    return f"station {event.identity}" if isinstance(event, events.MessageDropped) else None


class Observer:
    """`emit` neither raises nor waits: a full disk costs lines and rows, never a connection."""

    def __init__(
        self,
        *,
        logger: FilteringBoundLogger,
        metrics: Metrics,
        security_log: SecurityLog,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.metrics = metrics
        self._logger = logger
        self._security_log = security_log
        self._clock = clock
        self._monotonic = monotonic
        self._restraint = Restraint()
        self._listeners: list[Callable[[Event], None]] = []

    @contextmanager
    def listening(self, listener: Callable[[Event], None]) -> Iterator[None]:
        """Have *listener* called with every event too; it must be as quiet as `emit` is."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def emit(self, event: Event) -> None:
        self.metrics.count(event)
        self._write(event)
        for listener in tuple(self._listeners):
            listener(event)

    def _write(self, event: Event) -> None:
        facts = dict(facts_of(event))
        if (cause := _cause_of(event)) is not None:
            left_out = self._restraint.left_out_before(cause, self._monotonic())
            if left_out is None:
                self.metrics.left_out.inc()
                return
            facts |= {"left_out_before": left_out} if left_out else {}
        log = self._logger.warning if isinstance(event, WORTH_A_LOOK) else self._logger.info
        self._say(log, event.name, **facts)
        if event.security:
            self._keep(event, facts)

    def tell_bug(self, incident: str, error: Exception) -> None:
        """A request ended in a bug: its kind and where it happened, never what the request held."""
        frames = traceback.extract_tb(error.__traceback__)
        self._say(
            self._logger.error,
            "bug",
            incident=incident,
            kind=type(error).__qualname__,
            way=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
        )

    def close(self) -> None:
        self._security_log.close()

    def _keep(self, event: Event, facts: dict[str, Any]) -> None:
        row = {"at": self._clock().isoformat(), "event": event.name, **facts}
        try:
            self._security_log.append(row)
        except OSError as error:
            self.metrics.security_log_failures.inc()
            reason = error.strerror or type(error).__name__
            self._say(self._logger.error, "security-log-failed", reason=reason)

    def _say(self, write: Callable[..., Any], name: str, **facts: Any) -> None:
        """Write a log line; a full disk or a closed pipe loses it, and is counted."""
        try:
            write(name, **facts)
        except (OSError, ValueError):
            self.metrics.log_failures.inc()


def facts_of(event: Event) -> Iterator[tuple[str, Any]]:
    for name in _field_names(type(event)):  # type: ignore[arg-type]  # a type is hashable
        yield name, getattr(event, name)


@cache
def _field_names(kind: type[Event]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
