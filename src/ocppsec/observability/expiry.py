"""Gauges of what ends when; Prometheus subtracts from ``time()``.

They are as old as the last look; `ocppsec_expiry_looked_at_seconds` says how old that is.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Looked(Protocol):
    """What was found at one look."""

    @property
    def at(self) -> datetime: ...
    @property
    def first(self) -> Mapping[str, datetime]: ...
    @property
    def within(self) -> Mapping[str, int]: ...
    @property
    def late(self) -> int: ...
    @property
    def crl_made_at(self) -> datetime | None: ...
    @property
    def crl_good_until(self) -> datetime | None: ...
    @property
    def requests_waiting(self) -> int: ...


Ends = Callable[[], Looked | None]


class ExpiryGauges(Collector):
    def __init__(self, newest: Ends) -> None:
        self._newest = newest

    def describe(self) -> Iterable[Metric]:
        """Nothing is looked up to be registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        found = self._newest()
        if found is None:
            return
        yield _moment("expiry_looked_at", "When it was last looked what ends.", found.at)
        ends = GaugeMetricFamily(
            "ocppsec_certificate_not_after_seconds",
            "When the first certificate of a kind ends, in seconds since 1970.",
            labels=["kind"],
        )
        for kind, moment in sorted(found.first.items()):
            ends.add_metric([kind], moment.timestamp())
        yield ends
        ending = GaugeMetricFamily(
            "ocppsec_station_certificates_ending",
            "Certificates in force of stations that end within this time, or have ended.",
            labels=["within"],
        )
        for within, count in found.within.items():
            ending.add_metric([within], count)
        yield ending
        yield GaugeMetricFamily(
            "ocppsec_stations_late",
            "Stations in the last sixth of their certificate's life without a new one.",
            value=found.late,
        )
        if found.crl_made_at is not None:
            yield _moment("crl_made_at", "When the CRL in force was made.", found.crl_made_at)
        if found.crl_good_until is not None:
            yield _moment("crl_good_until", "Until when the CRL in force is good.", found.crl_good_until)
        yield GaugeMetricFamily(
            "ocppsec_certificate_requests_waiting",
            "Certificate requests that wait for a person.",
            value=found.requests_waiting,
        )


def _moment(name: str, says: str, moment: datetime) -> Metric:
    return GaugeMetricFamily(
        f"ocppsec_{name}_seconds", f"{says} In seconds since 1970.", value=moment.timestamp()
    )
