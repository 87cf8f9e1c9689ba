"""Counters for Prometheus.

No label ever names a station, an address or anything a stranger may choose: label values come from closed sets,
so the number of series is bounded whatever arrives.
"""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ocppsec import events
from ocppsec.observability.expiry import Ends, ExpiryGauges

# Part 2 appendix 1: the security events of the standard; a station may send any other text.
STANDARD_SECURITY_EVENTS = frozenset({
    "FirmwareUpdated", "FailedToAuthenticateAtCsms", "CsmsFailedToAuthenticate", "SettingSystemTime",
    "StartupOfTheDevice", "ResetOrReboot", "SecurityLogWasCleared", "ReconfigurationOfSecurityParameters",
    "MemoryExhaustion", "InvalidMessages", "AttemptedReplayAttacks", "TamperDetectionActivated",
    "InvalidFirmwareSignature", "InvalidFirmwareSigningCertificate", "InvalidCsmsCertificate",
    "InvalidChargingStationCertificate", "InvalidTLSVersion", "InvalidTLSCipherSuite", "MaintenanceLoginAccepted",
    "MaintenanceLoginFailed",
})  # fmt: skip

Connections = Callable[[], Mapping[int, int]]


class _OpenConnections(Collector):
    """Asked when Prometheus asks, so it cannot drift."""

    def __init__(self, count: Connections) -> None:
        self._count = count

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "ocppsec_connections", "Open connections by security profile.", labels=["profile"]
        )
        counts = self._count()
        for profile in range(4):
            family.add_metric([str(profile)], counts.get(profile, 0))
        yield family


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"ocppsec_{name}", says, labels, registry=registry)

        self._admissions = counter("admissions", "Connections admitted, by security profile.", "profile")
        self._refusals = counter("refusals", "Connections refused before 101, by reason.", "reason")
        self._handshakes = counter("handshake_failures", "TLS handshakes that failed, by door.", "door")
        self._boots = counter("boots", "BootNotifications, by security profile.", "profile")
        self._mismatches = counter(
            "serial_number_mismatches", "Boots with another serial than the certificate's."
        )
        self._floors = counter("floors_raised", "Floors raised, by the new floor.", "profile")
        self._slowed = counter("logins_slowed", "Logins made to wait.")
        self._security_events = counter("security_events", "Security events of stations, by type.", "type")
        self._dropped = counter("messages_dropped", "Messages that the standard says to ignore.")
        self._requests_refused = counter("certificate_requests_refused", "CSRs refused.")
        self._issued = counter("certificates_issued", "Certificates issued, by whom for.", "kind")
        self._revoked = counter("certificates_revoked", "Station certificates revoked.")
        self._renewals = counter("renewals", "Renewals of station certificates, by outcome.", "outcome")
        self._ending = counter(
            "certificates_ending_told", "Times that a station was told of whose certificate nears its end."
        )
        self._upgrades = counter("upgrades", "Upgrades ended, by outcome.", "outcome")
        self._application = counter(
            "application_failures", "Times the application behind us failed a station."
        )
        self._store = counter("store_unavailable", "Times the store could not be reached.")
        self.left_out = counter(
            "left_out", "Log lines and rows of the security log left out because one peer caused too many."
        )
        self.log_failures = counter("log_failures", "Log lines that could not be written.")
        self.security_log_failures = counter("security_log_failures", "Rows the security log could not take.")

    def watch_connections(self, count: Connections) -> None:
        self.registry.register(_OpenConnections(count))

    def watch_expiry(self, newest: Ends) -> None:
        self.registry.register(ExpiryGauges(newest))

    def count(self, event: events.Event) -> None:
        match event:
            case events.StationConnected(profile=profile):
                self._admissions.labels(profile).inc()
            case events.ConnectionRefused(reason=reason):
                self._refusals.labels(reason).inc()
            case events.HandshakeFailed(door=door):
                self._handshakes.labels(door).inc()
            case events.StationBooted(profile=profile):
                self._boots.labels(profile).inc()
            case events.SerialNumberMismatch():
                self._mismatches.inc()
            case events.FloorRaised(new=profile):
                self._floors.labels(profile).inc()
            case events.LoginsSlowed():
                self._slowed.inc()
            case events.SecurityEventReceived(type=kind):
                self._security_events.labels(kind if kind in STANDARD_SECURITY_EVENTS else "other").inc()
            case events.MessageDropped():
                self._dropped.inc()
            case events.CertificateRequestRefused():
                self._requests_refused.inc()
            case events.CertificateIssued(identity=identity):
                self._issued.labels("server" if identity is None else "station").inc()
            case events.CertificateRevoked():
                self._revoked.inc()
            case events.CertificateRenewed():
                self._renewals.labels("done").inc()
            case events.RenewalStuck():
                self._renewals.labels("stuck").inc()
            case events.RenewalEnded():
                self._renewals.labels("ended").inc()
            case events.CertificateEndsSoon():
                self._ending.inc()
            case events.UpgradeEnded(outcome=outcome):
                self._upgrades.labels(outcome).inc()
            case events.ApplicationFailed():
                self._application.inc()
            case events.StoreUnavailable():
                self._store.inc()
            case _:
                pass  # the rest is told in the log alone

    def render(self) -> bytes:
        """Prometheus text format."""
        return generate_latest(self.registry)
