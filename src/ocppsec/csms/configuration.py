"""How a CSMS is set up: checked values, no defaults that open anything."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ocppsec.certificates.approval import Approval
from ocppsec.certificates.custody import Custody
from ocppsec.csms.anchors import Manufacturer
from ocppsec.csms.doors import Deadlines, DoorSpec
from ocppsec.csms.renewer import RenewalSettings
from ocppsec.csms.root_carrier import RolloverSettings
from ocppsec.csms.server_certificates import OwnFiles
from ocppsec.issuers.acme import AcmeSettings
from ocppsec.issuers.choice import ForeignCa
from ocppsec.link.link import Limits
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.upgrades.plan import Deadlines as UpgradeDeadlines


def default_doors(host: str, *, ws_port: int, wss_port: int, mtls_port: int) -> tuple[DoorSpec, ...]:
    """Three doors: ws for profile 1 (and 0 for stations switched to it), wss for 2, wss with certificate for 3."""
    none, basic, tls_basic, tls_client = SecurityProfile
    return (
        DoorSpec(name="ws", host=host, port=ws_port, profiles=frozenset({none, basic})),
        DoorSpec(name="wss", host=host, port=wss_port, profiles=frozenset({tls_basic})),
        DoorSpec(name="mtls", host=host, port=mtls_port, profiles=frozenset({tls_client})),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    state: Path
    """Directory with everything: database, CA, secrets."""
    doors: tuple[DoorSpec, ...]
    hostname: str
    """What stations dial: CN of the server certificates and host in the URLs they are given."""
    organization: str
    """O of every certificate (A00.FR.404)."""
    custody: Custody = field(default_factory=Custody)
    """Of the keys of our CA."""
    issuer: ForeignCa | None = None
    """Signs stations' certificates instead of our own CA."""
    own_certificate: OwnFiles | None = None
    acme: AcmeSettings | None = None
    """The public CA that certifies the CSMS; not together with a certificate of the operator's."""
    """Served instead of certificates of our own CA."""
    ocsp_hosts: frozenset[str] = frozenset()
    """Responders that stations may ask through us (M06) though their address is inside of our own networks."""
    public_url: str | None = None
    """Where others reach the API's ``/pki``, plain HTTP; written into the certificates of stations."""
    certificate_lifetime: timedelta = timedelta(days=90)
    approval: Approval = Approval.RULE
    """Who says that a station's request may be signed."""
    renewal: RenewalSettings = field(default_factory=RenewalSettings)
    rollover: RolloverSettings = field(default_factory=RolloverSettings)
    upgrade_deadlines: UpgradeDeadlines = field(default_factory=UpgradeDeadlines)
    """How long the steps of an upgrade may take, unless its caller says otherwise."""
    deadlines: Deadlines = field(default_factory=Deadlines)
    limits: Limits = field(default_factory=Limits)
    boot_seconds: float = 60.0
    ping_seconds: float = 120.0
    """Silence after which a station is pinged."""
    pong_seconds: float = 30.0
    """Silence after a ping after which it counts as gone."""
    manufacturers: tuple[Manufacturer, ...] = ()
    """Whose certificates let a new station in."""
    pending_seconds: int = 60
    """Between two BootNotifications of a station that is kept in Pending."""
    replace_factory_passwords: bool = False
    """Give each station a new password behind its first BootNotification (A01)."""
    most_undecided: int = 1000
    """Connections at one door that are still on the way to a decision."""
